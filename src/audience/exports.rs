//! The header names of usual exports: what each service calls the columns that linkpost itself uses.
//!
//! Facts, written down as a table: a further export is a further line here and a test in `tests/it/audience/exports.rs`.

/// A header name in the form for templates, and whose export has it.
pub(super) type Known = (&'static str, &'static str);

/// The address, the likeliest first. A list that has a plain `email` keeps that one.
pub(super) const EMAIL: &[Known] = &[
    ("e_mail_1_value", "Google Contacts"),
    ("email_1_value", "Google Contacts"),
    ("e_mail_adresse", "Outlook, German"),
    ("email_adresse", "Outlook, German"),
    ("mailadresse", "Outlook, German"),
    ("adresse_de_messagerie", "Outlook, French"),
    ("adresse_e_mail", "Outlook, French"),
    ("adresse_email", "Outlook, French"),
    ("adresse_électronique", "Outlook, French"),
    ("adresse_de_courriel", "Outlook, French"),
    ("courriel", "Outlook, French"),
    ("dirección_de_correo_electrónico", "Outlook, Spanish"),
    ("dirección_de_correo", "Outlook, Spanish"),
    ("correo_electrónico", "Outlook, Spanish"),
    ("correo_electronico", "Outlook, Spanish"),
    ("indirizzo_posta_elettronica", "Outlook, Italian"),
    ("indirizzo_di_posta_elettronica", "Outlook, Italian"),
    ("indirizzo_e_mail", "Outlook, Italian"),
    ("indirizzo_email", "Outlook, Italian"),
    ("e_mailadres", "Outlook, Dutch"),
    ("emailadres", "Outlook, Dutch"),
    ("e_mail_adres", "Outlook, Dutch"),
    ("user_email", "WooCommerce"),
    ("billing_email", "WooCommerce"),
    ("email_billing", "WooCommerce"),
    ("billing_email_address", "WooCommerce"),
    ("customer_email", "Stripe"),
    ("recipient_email", "Qualtrics"),
    ("contact_email", "HubSpot"),
    ("work_email", "HubSpot"),
    ("e_mail_1_address", "Outlook"),
    ("email_1", "Thunderbird"),
    ("電子メールアドレス", "Thunderbird, Japanese"),
    ("メールアドレス", "Thunderbird, Japanese"),
    ("e_postadress", "Outlook, Swedish"),
    ("e_postadresse", "Outlook, Norwegian"),
    ("e_posta_adresi", "Outlook, Turkish"),
    ("e_posta", "Outlook, Turkish"),
    ("adres_e_mail", "Outlook, Polish"),
    ("endereço_de_e_mail", "Outlook, Portuguese"),
];

/// The first name.
pub(super) const FIRST_NAME: &[Known] = &[
    ("vorname", "Outlook, German"),
    ("prénom", "Outlook, French"),
    ("prenom", "Outlook, French"),
    ("nombre", "Outlook, Spanish"),
    ("nome", "Outlook, Italian"),
    ("voornaam", "Outlook, Dutch"),
    ("billing_first_name", "WooCommerce"),
    ("first_name_billing", "WooCommerce"),
    ("recipient_first_name", "Qualtrics"),
    ("förnamn", "Outlook, Swedish"),
    ("fornavn", "Outlook, Norwegian"),
    ("fname", "Mailchimp"),
];

/// The last name.
pub(super) const LAST_NAME: &[Known] = &[
    ("nachname", "Outlook, German"),
    ("nom", "Outlook, French"),
    ("nom_de_famille", "Outlook, French"),
    ("apellidos", "Outlook, Spanish"),
    ("apellido", "Outlook, Spanish"),
    ("cognome", "Outlook, Italian"),
    ("achternaam", "Outlook, Dutch"),
    ("billing_last_name", "WooCommerce"),
    ("last_name_billing", "WooCommerce"),
    ("recipient_last_name", "Qualtrics"),
    ("efternamn", "Outlook, Swedish"),
    ("etternavn", "Outlook, Norwegian"),
    ("lname", "Mailchimp"),
];

/// The whole name.
pub(super) const NAME: &[Known] = &[("billing_name", "Shopify"), ("customer_name", "Stripe")];

/// The zone in which somebody's clock runs.
pub(super) const TIMEZONE: &[Known] = &[
    ("time_zone", "HubSpot"),
    ("zeitzone", "German"),
    ("fuseau_horaire", "French"),
    ("zona_horaria", "Spanish"),
    ("fuso_orario", "Italian"),
    ("tijdzone", "Dutch"),
    ("iana_timezone", "Klaviyo"),
    ("zoneinfo", "Auth0"),
];

/// Which export a header is of, where a name means something else in it than anywhere else.
pub(super) struct Peculiar {
    /// The columns that are all there in such a header.
    pub(super) signs: &'static [&'static str],
    /// The column that means something else.
    pub(super) name: &'static str,
    /// What it is; `None`: nothing that linkpost uses.
    pub(super) role: Option<&'static str>,
}

/// Names that are read in the light of those beside them.
pub(super) const PECULIAR: &[Peculiar] = &[
    // Clerk's own export: its ids are those that a link signs in.
    Peculiar { signs: &["primary_email_address", "password_digest"], name: "id", role: Some("user_id") },
    Peculiar { signs: &["primary_email_address", "totp_secret"], name: "id", role: Some("user_id") },
    // An order of Shopify has a number for a name, `#1001`.
    Peculiar { signs: &["lineitem_name", "financial_status"], name: "name", role: None },
    Peculiar { signs: &["lineitem_name", "lineitem_quantity", "billing_name"], name: "name", role: None },
];
