-- A wish that its person may take back for a minute.

-- SHA-256 of the secret on the page that the press led to; null once another wish for the address has come, which
-- nobody takes back with this one
alter table suppression add column undo blob;
-- the unsubscribe id of the mail whose form was pressed
alter table suppression add column undo_of text;
