//! The ledger protocol as a model, searched through completely: two runs, one recipient, and everything that can go
//! wrong at every moment. Each step here is a transaction or a message of the real thing:
//!
//! | model | code |
//! |---|---|
//! | `Begin` | `ledger::run::start::Start::begin`: a new epoch, the journal entered (`SETTLE`), `RECOVER_CLAIMED`, `RECOVER_SENDING` |
//! | `Clear` | `ledger::writer::Journal::clear`, after `Begin` is durable |
//! | `LoseLock` | the lock file of `ledger::store::Holding` is gone: a second run begins while the first lives |
//! | `Claim` | `ledger::run::claims::claim` (`TAKE`) |
//! | `Release` | `ledger::tries::release::release` (`RELEASE`) |
//! | `Intend` | `ledger::tries::intention::intend` (`INTEND`, `ADD_ATTEMPTS`) |
//! | `Dot` | `delivery::smtp`: the body and the dot, and what the relay makes of them |
//! | `Settle` | `ledger::tries::settlement::settle` (`SETTLE`), `ledger::Run::settle` |
//! | `Retry` | `ledger::decisions::put_back` (`PUT_BACK`): what was refused waits again, by whichever run |
//! | `Keep` | `ledger::writer::RunCore::keep`: the database refuses, the journal takes the outcome, the run ends |
//! | `Crash`, `PowerCut` | one process dies; the machine dies, and what was not synced is gone |
//!
//! A run has two workers, since both claim with one epoch. A run that is stopped and goes on later needs no step of its
//! own: every order of steps is tried.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

/// The protocol, and what it would be without one of its promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    AsItIs,
    /// `synchronous = normal`: a commit may be gone after a power cut.
    UnsyncedCommits,
    /// `--on-unknown resend`: an unknown row waits for its turn.
    UnknownIsSentAgain,
    /// A dead run's `sending` row becomes `pending`, not `unknown`.
    SendingIsTakenForUnsent,
    /// The body leaves without a commit before it.
    NoIntent,
    /// A connection that is out of step is used on: a reply may answer another mail.
    OutOfStep,
    /// A row whose answer was lost is put back like one that was refused.
    UnknownIsPutBack,
}

/// How many runs may start, the first included.
const STARTS: u8 = 4;
/// How many tries a recipient may have: enough for every order of two.
const TRIES: u8 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum State {
    Pending,
    Claimed,
    Sending,
    Sent,
    Rejected,
    Deferred,
    Unknown,
}

/// The recipient's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Row {
    state: State,
    epoch: u8,
    attempts: u8,
    deferred: bool,
}

/// What a worker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Hand {
    Empty,
    /// A claim, and the number of the try that it would be.
    Claim(u8),
    /// The intent of a try: the body may leave.
    Intent(u8),
    /// What the worker believes the relay has said.
    Answer(u8, State),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Run {
    Off,
    /// Begun, the journal not cleared yet.
    Begun(u8),
    On(u8, [Hand; 2]),
}

/// The world. `disk` is what a power cut leaves of `row`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct World {
    row: Row,
    disk: Row,
    runs: [Run; 2],
    /// Which run holds the lock.
    lock: Option<usize>,
    /// An outcome in the journal: epoch, try, state.
    journal: Option<(u8, u8, State)>,
    starts: u8,
    /// How many mails the relay has taken.
    accepted: u8,
}

const FIRST: World = {
    let row = Row { state: State::Pending, epoch: 0, attempts: 0, deferred: false };
    World { row, disk: row, runs: [Run::Off; 2], lock: None, journal: None, starts: 0, accepted: 0 }
};

impl Protocol {
    /// Everything that can happen next.
    fn steps(self, world: World) -> Vec<(&'static str, World)> {
        let mut steps = Vec::new();
        if world.disk != world.row {
            steps.push(("Sync", World { disk: world.row, ..world }));
        }
        if world.runs != [Run::Off; 2] {
            let cut = World { row: world.disk, runs: [Run::Off; 2], lock: None, ..world };
            steps.push(("PowerCut", cut));
        }
        if world.lock.is_some() {
            steps.push(("LoseLock", World { lock: None, ..world }));
        }
        for who in 0..2 {
            self.steps_of(world, who, &mut steps);
        }
        steps.into_iter().map(|(name, world)| (name, world.canonical())).collect()
    }

    fn steps_of(self, world: World, who: usize, steps: &mut Vec<(&'static str, World)>) {
        let set = |world: World, run: Run| {
            let mut runs = world.runs;
            runs[who] = run;
            let lock = if run == Run::Off && world.lock == Some(who) { None } else { world.lock };
            World { runs, lock, ..world }
        };
        if world.runs[who] != Run::Off {
            steps.push(("Crash", set(world, Run::Off)));
        }
        match world.runs[who] {
            Run::Off if world.starts < STARTS && world.lock.is_none() => {
                let epoch = world.starts + 1;
                let begun = self.commit(world, self.recovered(world, epoch));
                let begun = set(begun, Run::Begun(epoch));
                steps.push(("Begin", World { lock: Some(who), starts: epoch, ..begun }));
            }
            Run::Off => {}
            Run::Begun(epoch) => {
                let on = set(world, Run::On(epoch, [Hand::Empty; 2]));
                steps.push(("Clear", World { journal: None, ..on }));
            }
            Run::On(epoch, hands) => {
                if row_can_be_put_back(world.row, self) && world.row.attempts < TRIES {
                    let waits = Row { state: State::Pending, deferred: false, ..world.row };
                    steps.push(("Retry", self.commit(world, waits)));
                }
                for hand in 0..2 {
                    let with = |world: World, holds: Hand| {
                        let mut hands = hands;
                        hands[hand] = holds;
                        set(world, Run::On(epoch, hands))
                    };
                    self.steps_of_worker(
                        world,
                        epoch,
                        hands[hand],
                        &with,
                        &|world| set(world, Run::Off),
                        steps,
                    );
                }
            }
        }
    }

    fn steps_of_worker(
        self,
        world: World,
        epoch: u8,
        hand: Hand,
        with: &dyn Fn(World, Hand) -> World,
        off: &dyn Fn(World) -> World,
        steps: &mut Vec<(&'static str, World)>,
    ) {
        let row = world.row;
        match hand {
            Hand::Empty => {
                let waits = matches!(row.state, State::Pending | State::Deferred)
                    || (row.state == State::Unknown && self == Self::UnknownIsSentAgain);
                if waits && row.attempts < TRIES {
                    let claimed = self.commit(world, Row { state: State::Claimed, epoch, ..row });
                    steps.push(("Claim", with(claimed, Hand::Claim(row.attempts + 1))));
                }
            }
            Hand::Claim(attempt) => {
                let ours = row.state == State::Claimed && row.epoch == epoch;
                let waiting = if row.deferred { State::Deferred } else { State::Pending };
                let released = if ours { Row { state: waiting, ..row } } else { row };
                steps.push(("Release", with(self.commit(world, released), Hand::Empty)));
                if self == Self::NoIntent {
                    steps.push(("NoIntend", with(world, Hand::Intent(attempt))));
                } else if ours && row.attempts == attempt - 1 {
                    let sending = Row { state: State::Sending, attempts: attempt, ..row };
                    steps.push(("Intend", with(self.commit(world, sending), Hand::Intent(attempt))));
                } else {
                    steps.push(("Withdrawn", with(world, Hand::Empty)));
                }
            }
            Hand::Intent(attempt) => {
                let taken = World { accepted: world.accepted + 1, ..world };
                let mut dot =
                    |name, world, state| steps.push((name, with(world, Hand::Answer(attempt, state))));
                dot("Dot: 250", taken, State::Sent);
                dot("Dot: taken, the answer lost", taken, State::Unknown);
                dot("Dot: cut, not taken", world, State::Unknown);
                dot("Dot: 4xx, or cut before it", world, State::Deferred);
                dot("Dot: 5xx", world, State::Rejected);
                if self == Self::OutOfStep {
                    dot("Dot: taken, another mail's 4xx", taken, State::Deferred);
                }
            }
            Hand::Answer(attempt, state) => {
                match self.settled(row, epoch, attempt, state) {
                    Some(row) => steps.push(("Settle", with(self.commit(world, row), Hand::Empty))),
                    // The row is not ours any more: the run ends.
                    None => steps.push(("Settle: not ours", off(world))),
                }
                // The database refuses, and then perhaps the journal too.
                let journal = world.journal.or(Some((epoch, attempt, state)));
                steps.push(("Keep", off(World { journal, ..world })));
            }
        }
    }

    /// The row after an outcome, if the outcome is this row's.
    fn settled(self, row: Row, epoch: u8, attempt: u8, state: State) -> Option<Row> {
        let sending = matches!(row.state, State::Sending | State::Unknown) && row.attempts == attempt;
        // Without intents a claim is all that there is to settle.
        let ours = if self == Self::NoIntent { row.state == State::Claimed } else { sending };
        (ours && row.epoch == epoch).then_some(Row { state, deferred: state == State::Deferred, ..row })
    }

    /// The row after the start of a run.
    fn recovered(self, world: World, epoch: u8) -> Row {
        let mut row = world.row;
        if let Some((of, attempt, state)) = world.journal {
            row = self.settled(row, of, attempt, state).unwrap_or(row);
        }
        let waiting = if row.deferred { State::Deferred } else { State::Pending };
        match row.state {
            _ if row.epoch == epoch => row,
            State::Sending if self != Self::SendingIsTakenForUnsent => Row { state: State::Unknown, ..row },
            State::Claimed | State::Sending => Row { state: waiting, ..row },
            _ => row,
        }
    }

    fn commit(self, world: World, row: Row) -> World {
        World { row, disk: if self == Self::UnsyncedCommits { world.disk } else { row }, ..world }
    }
}

/// Whether `retry` takes the row.
fn row_can_be_put_back(row: Row, protocol: Protocol) -> bool {
    row.state == State::Rejected || (row.state == State::Unknown && protocol == Protocol::UnknownIsPutBack)
}

impl World {
    /// The workers of a run are alike.
    fn canonical(mut self) -> Self {
        for run in &mut self.runs {
            if let Run::On(_, hands) = run {
                hands.sort_unstable();
            }
        }
        self
    }

    /// Which invariant does not hold, if any (the list of §3.3 as far as it is about one moment).
    fn broken(self) -> Option<&'static str> {
        match (self.accepted, self.row.state) {
            (2.., _) => Some("I-1: mailed twice"),
            (0, State::Sent) => Some("I-3: sent, and nothing was taken"),
            (1, State::Pending | State::Claimed | State::Deferred | State::Rejected) => {
                Some("I-5: waits or is refused, and has a mail")
            }
            _ => None,
        }
    }
}

/// How far a search goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    AnythingBreaks,
    SomebodyIsMailedTwice,
}

/// Searches breadth first. The number of states, and the shortest way to what breaks.
fn search(protocol: Protocol, until: Until) -> (usize, Option<Vec<&'static str>>) {
    let mut from: HashMap<World, Option<(World, &'static str)>> = HashMap::from([(FIRST, None)]);
    let mut queue = VecDeque::from([FIRST]);
    while let Some(world) = queue.pop_front() {
        let broken = world.broken().filter(|what| until == Until::AnythingBreaks || what.starts_with("I-1"));
        if let Some(what) = broken {
            let mut way = vec![what];
            let mut at = world;
            while let Some((before, step)) = from[&at] {
                way.push(step);
                at = before;
            }
            way.reverse();
            return (from.len(), Some(way));
        }
        for (step, next) in protocol.steps(world) {
            from.entry(next).or_insert_with(|| {
                queue.push_back(next);
                Some((world, step))
            });
        }
    }
    (from.len(), None)
}

#[test]
fn no_order_of_crashes_power_cuts_lost_answers_and_lost_locks_mails_anybody_twice() {
    let (states, broken) = search(Protocol::AsItIs, Until::AnythingBreaks);
    assert_eq!(broken, None);
    // A model in which little can happen proves little.
    assert!(states > 10_000, "{states} states");
    crate::support::told(&format!("model | states {states} | violations 0"));
}

#[test]
fn every_weaker_protocol_mails_somebody_twice() {
    let weaker = [
        Protocol::UnsyncedCommits,
        Protocol::UnknownIsSentAgain,
        Protocol::SendingIsTakenForUnsent,
        Protocol::NoIntent,
        Protocol::OutOfStep,
        Protocol::UnknownIsPutBack,
    ];
    for protocol in weaker {
        let (states, way) = search(protocol, Until::SomebodyIsMailedTwice);
        let way = way.unwrap_or_else(|| panic!("{protocol:?}: nobody is mailed twice in {states} states"));
        crate::support::told(&format!("model, {protocol:?} | {}", way.join(", ")));
    }
}

#[test]
fn every_state_of_the_protocol_can_come_about_in_the_model() {
    let mut seen = BTreeSet::new();
    let mut all: HashSet<World> = HashSet::from([FIRST]);
    let mut queue = VecDeque::from([FIRST]);
    while let Some(world) = queue.pop_front() {
        seen.insert((world.row.state, world.accepted));
        for (_, next) in Protocol::AsItIs.steps(world) {
            if all.insert(next) {
                queue.push_back(next);
            }
        }
    }
    let none =
        [State::Pending, State::Claimed, State::Sending, State::Rejected, State::Deferred, State::Unknown]
            .map(|state| (state, 0));
    let one = [State::Sending, State::Sent, State::Unknown].map(|state| (state, 1));
    assert_eq!(seen, none.into_iter().chain(one).collect());
}
