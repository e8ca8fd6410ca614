//! The token's state machine under random interleavings: requests, replies that come late, refusals,
//! expiry, slow and failing mints, callers that give up. Everything runs on one thread, in an order
//! that the test draws, under a clock that only the test moves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "cache_model/executor.rs"]
mod executor;
#[path = "cache_model/world.rs"]
mod world;

use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_core::{
    Error, ManualClock, Refresh, Request, TokenCache, TokenProvider, TokenSession, Transport,
    UnauthorizedReason,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use executor::Tasks;
use world::{MintEnd, Network, Seen, Source, World};

#[derive(Debug, Clone, Copy)]
enum Step {
    /// A request begins, by one of three clones of the session.
    Request(usize),
    /// A caller wants a new token whatever the old one is worth.
    Force,
    /// A caller gives up.
    Drop(usize),
    /// An answer arrives, judged by what the server knew when the request came, or by what it knows now.
    Reply {
        which: usize,
        as_of_arrival: bool,
    },
    /// The mint under way ends.
    Mint(MintEnd),
    /// The server revokes the newest token.
    Revoke,
    Advance(u64),
    /// So many of the tasks that could go on do, beginning with this one.
    Run {
        first: usize,
        count: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lives = prop_oneof![Just(1_u64), 2_u64..30, 300_u64..4000];
    let mint = prop_oneof![
        6 => lives.prop_map(MintEnd::Token),
        2 => Just(MintEnd::Broken),
        1 => Just(MintEnd::Certificate),
        1 => Just(MintEnd::SameAgain),
    ];
    let step = prop_oneof![
        6 => (0..3_usize).prop_map(Step::Request),
        1 => Just(Step::Force),
        2 => any::<usize>().prop_map(Step::Drop),
        6 => (any::<usize>(), any::<bool>())
            .prop_map(|(which, as_of_arrival)| Step::Reply { which, as_of_arrival }),
        4 => mint.prop_map(Step::Mint),
        2 => Just(Step::Revoke),
        3 => prop_oneof![1_u64..3, 1_u64..40, 100_u64..4000].prop_map(Step::Advance),
        8 => (any::<usize>(), 1..5_usize).prop_map(|(first, count)| Step::Run { first, count }),
    ];
    prop::collection::vec(step, 1..120)
}

fn url() -> arcgis_auth_core::Url {
    "https://h/arcgis/rest/services/x/FeatureServer/0"
        .parse()
        .unwrap()
}

/// Runs `steps`, then lets everything end, and says what was seen on the way.
fn play(steps: &[Step]) -> Seen {
    let clock = ManualClock::new();
    let world = World::new(clock.clone());
    let cache = Arc::new(TokenCache::with_clock(
        Source::new(world.clone()),
        Arc::new(clock.clone()),
    ));
    // Two clients that share the provider, and a clone of one of them.
    let session = || {
        let network: Arc<dyn Transport> = Arc::new(Network(world.clone()));
        TokenSession::new(network, Arc::clone(&cache) as Arc<dyn TokenProvider>)
            .with_clock(Arc::new(clock.clone()))
    };
    let first = session();
    let sessions = [first.clone(), first, session()];
    let mut tasks = Tasks::default();

    for step in steps {
        match *step {
            Step::Request(which) => {
                let (session, world) = (sessions[which].clone(), world.clone());
                tasks.start(async move {
                    let result = session.send(Request::read(url())).await;
                    let result = result.and_then(|response| response.into_ok().map(drop));
                    world.ended(&result);
                    check_end(&result);
                });
            }
            Step::Force => {
                let (cache, world) = (Arc::clone(&cache), world.clone());
                tasks.start(async move {
                    world.force();
                    let result = cache.refresh(Refresh::Forced).await.map(drop);
                    world.ended(&result);
                    check_end(&result);
                });
            }
            Step::Drop(which) => tasks.give_up(which),
            Step::Reply {
                which,
                as_of_arrival,
            } => world.reply(which, as_of_arrival),
            Step::Mint(end) => world.end_mint(end),
            Step::Revoke => world.revoke(),
            Step::Advance(seconds) => clock.advance(Duration::from_secs(seconds)),
            Step::Run { first, count } => tasks.run(first, count),
        }
        world.check();
    }

    // Every request ends once the server answers and time goes on.
    for _ in 0..1000 {
        if tasks.is_empty() {
            break;
        }
        tasks.run(0, usize::MAX);
        world.end_mint(MintEnd::Token(3600));
        world.reply(0, true);
        tasks.run(0, usize::MAX);
        clock.advance(Duration::from_secs(1));
        world.check();
    }
    assert!(tasks.is_empty(), "{} requests never end", tasks.len());
    world.check();
    world.seen()
}

fn check_end(result: &Result<(), Error>) {
    match result {
        Ok(()) | Err(Error::Mint { .. }) => {}
        Err(Error::Unauthorized(why))
            if matches!(
                why.reason,
                UnauthorizedReason::Refused | UnauthorizedReason::RefusesAll { .. }
            ) => {}
        Err(other) => panic!("a request ended with {other:?}"),
    }
}

/// Runs `test` on a thread of its own and fails if it does not end: a lock that waits for itself would
/// hang for ever.
fn within(limit: Duration, test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(test);
    let until = std::time::Instant::now() + limit;
    while !thread.is_finished() {
        assert!(std::time::Instant::now() < until, "deadlock");
        std::thread::sleep(Duration::from_millis(5));
    }
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn the_state_machine_holds_under_random_interleavings() {
    within(Duration::from_secs(300), random_interleavings);
}

fn random_interleavings() {
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let seen = std::cell::Cell::new(Seen::default());
    runner
        .run(&steps(), |steps| {
            seen.set(seen.get() + play(&steps));
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    // What the model is about has come up.
    let seen = seen.get();
    println!("{seen:?}");
    assert!(seen.all(), "{seen:?}");
}

#[test]
fn a_hundred_staggered_refusals_cost_one_mint() {
    within(Duration::from_secs(60), staggered_refusals);
}

fn staggered_refusals() {
    let mut steps = vec![Step::Request(0), Step::Run { first: 0, count: 9 }];
    steps.push(Step::Mint(MintEnd::Token(3600)));
    steps.extend((0..99).map(|n| Step::Request(n % 3)));
    steps.extend([
        Step::Run {
            first: 0,
            count: 200,
        },
        Step::Revoke,
    ]);
    for n in 0..100 {
        let as_of_arrival = false;
        steps.push(Step::Reply {
            which: 0,
            as_of_arrival,
        });
        steps.push(Step::Run { first: n, count: 1 });
        steps.push(Step::Advance(1));
        if n == 50 {
            steps.push(Step::Mint(MintEnd::Token(3600)));
        }
    }
    let seen = play(&steps);
    assert_eq!((seen.mints, seen.failed_mints), (2, 0), "{seen:?}");
    assert!(seen.late_refusals > 0, "{seen:?}");
}
