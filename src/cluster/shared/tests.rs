use clap::ValueEnum;

use super::*;

fn shared(store: Option<StoreKind>, sessions: Option<SessionsKind>) -> SharedSettings {
    SharedRequest { store, sessions, ..SharedRequest::default() }.settle(Some(10)).unwrap()
}

#[test]
fn servers_and_what_nodes_are_told() {
    use SessionsKind::{Memcached, Token};
    for (store, sessions, servers, words) in [
        (None, None, "", ""),
        (Some(StoreKind::Sqlite), None, "", "--store sqlite:/c/store.db"),
        (Some(StoreKind::Mariadb), None, "store1 mariadb", "--store-shards /c/shards"),
        (
            Some(StoreKind::Redis),
            Some(SessionsKind::Redis),
            "store1 redis",
            "--store-shards /c/shards --sessions store",
        ),
        (
            Some(StoreKind::Mariadb),
            Some(SessionsKind::Redis),
            "store1 mariadb, sessions1 redis",
            "--store-shards /c/shards --sessions @/c/s/sessions1",
        ),
        (None, Some(Memcached), "sessions1 memcached", "--sessions @/c/s/sessions1"),
        (None, Some(Token), "", "--sessions token --token-key-file /c/s/token.key"),
    ] {
        let shared = shared(store, sessions);
        let names: Vec<_> = shared.servers.iter().map(|it| format!("{} {}", it.name, it.kind.name())).collect();
        assert_eq!(names.join(", "), servers);
        assert_eq!(shared.cpu, (!servers.is_empty()).then_some(10), "{servers}");
        let told = shared.node_arguments(Path::new("/c"), Path::new("/c/s"));
        assert_eq!(told.join(" ".as_ref()), *words);
    }
    let users = SharedRequest { login: Some("4096:1".parse().unwrap()), ..SharedRequest::default() };
    let told = users.settle(None).unwrap().node_arguments(Path::new("/c"), Path::new("/s"));
    assert_eq!(told.join(" ".as_ref()), "--users /s/users");
    let more = SharedRequest { connections: Some(8), store: Some(StoreKind::Redis), ..SharedRequest::default() };
    let told = more.settle(None).unwrap().node_arguments(Path::new("/c"), Path::new("/s"));
    assert_eq!(told.join(" ".as_ref()), "--store-shards /c/shards --store-connections 8");
}

#[test]
fn each_shard_is_a_server_of_its_own() {
    let three = SharedRequest { store: Some(StoreKind::Mariadb), shards: Some(3), ..SharedRequest::default() };
    let shared = three.settle(Some(10)).unwrap();
    let names: Vec<_> = shared.store_servers().map(|it| (it.name.as_str(), it.role)).collect();
    assert_eq!(names, ["store1", "store2", "store3"].map(|name| (name, ServiceRole::Shard)));
    let told = shared.node_arguments(Path::new("/c"), Path::new("/s"));
    assert_eq!(told.join(" ".as_ref()), "--store-shards /c/shards");
    let list = shared.shard_list(Path::new("/s"), false).unwrap();
    assert_eq!(list.servers, ["@/s/store1", "@/s/store2", "@/s/store3"]);
    assert_eq!((list.generation, list.from, list.to), (1, 3, 3));
    assert!(shared.primary_of_replicas().is_none());
    let copies = SharedRequest { shards: None, replicas: Some(2), ..three.clone() }.settle(None).unwrap();
    assert_eq!(copies.primary_of_replicas().unwrap().name, "store1");
    let told = copies.node_arguments(Path::new("/c"), Path::new("/s"));
    assert_eq!(told.join(" ".as_ref()), "--store @/s/store1 --store-replicas @/s/store2,@/s/store3");
    let one = SharedRequest { shards: Some(1), replicas: Some(0), units: Some(4), ..three };
    let big = one.settle(Some(10)).unwrap();
    assert_eq!(big.percent(&big.servers[0]), Some(40));
    assert_eq!(one.settle(None).unwrap().servers[0].role, ServiceRole::Primary);
}

#[test]
fn nodes_find_a_far_store_by_its_relay() {
    let request = SharedRequest {
        store: Some(StoreKind::Mariadb),
        sessions: Some(SessionsKind::Redis),
        delay: Some(Duration::from_millis(5)),
        ..SharedRequest::default()
    };
    let shared = request.settle(None).unwrap();
    assert_eq!(shared.shard_list(Path::new("/s"), false).unwrap().servers, ["@/s/store1.far"]);
    // What is no store stays near.
    let told = shared.node_arguments(Path::new("/c"), Path::new("/s"));
    assert_eq!(told.join(" ".as_ref()), "--store-shards /c/shards --sessions @/s/sessions1");
    assert_eq!(shared.far_store, Some(FarStore { delay: Duration::from_millis(5), port: 0 }));
}

#[test]
fn nodes_know_a_redis_cluster_as_one_store() {
    let request = SharedRequest {
        store: Some(StoreKind::Redis),
        shards: Some(3),
        redis_cluster: true,
        ..SharedRequest::default()
    };
    let shared = request.settle(None).unwrap();
    assert_eq!(shared.store_servers().count(), 3);
    let told = shared.node_arguments(Path::new("/c"), Path::new("/s"));
    assert_eq!(told.join(" ".as_ref()), "--store @/s/redis-cluster");
    assert_eq!(shared.shard_list(Path::new("/s"), false), None);
}

#[test]
fn shards_come_and_go_in_order() {
    let request = SharedRequest {
        store: Some(StoreKind::Redis),
        sessions: Some(SessionsKind::Memcached),
        ..SharedRequest::default()
    };
    let mut shared = request.settle(None).unwrap();
    let names = |shared: &SharedSettings| shared.servers.iter().map(|it| it.name.clone()).collect::<Vec<_>>().join(" ");
    let roles = |shared: &SharedSettings| shared.store_servers().map(|it| it.role).collect::<Vec<_>>();
    shared.begin(Resharding::new(1, 3));
    assert_eq!(names(&shared), "store1 store2 store3 sessions1");
    assert_eq!(roles(&shared), [ServiceRole::Shard; 3]);
    let list = shared.shard_list(Path::new("/s"), true).unwrap();
    assert_eq!((list.servers.len(), list.from, list.to, list.begun), (3, 1, 3, true));
    shared.settle_shards(3);
    let list = shared.shard_list(Path::new("/s"), false).unwrap();
    assert_eq!((names(&shared).as_str(), list.from, list.to), ("store1 store2 store3 sessions1", 3, 3));
    shared.begin(Resharding::new(3, 1));
    assert_eq!(names(&shared), "store1 store2 store3 sessions1");
    shared.settle_shards(1);
    assert_eq!((names(&shared).as_str(), roles(&shared)), ("store1 sessions1", vec![ServiceRole::Primary]));
}

#[test]
fn a_cache_is_in_the_nodes_or_a_server_of_its_own() {
    for (cache, role, word) in [
        (CacheKind::Memory, None, "--cache memory:64MiB"),
        (CacheKind::Redis, Some(ServiceRole::Cache), "--cache @/s/cache1"),
        (CacheKind::Memcached, Some(ServiceRole::Cache), "--cache @/s/cache1"),
    ] {
        let request = SharedRequest { cache: Some(cache), store: Some(StoreKind::Redis), ..SharedRequest::default() };
        let shared = request.settle(None).unwrap();
        assert_eq!(shared.servers.iter().find(|it| it.name == CACHE).map(|it| it.role), role, "{cache:?}");
        let told = shared.node_arguments(Path::new("/c"), Path::new("/s"));
        assert_eq!(told.join(" ".as_ref()), *format!("--store-shards /c/shards {word}"));
    }
}

#[test]
fn costs_of_a_login() {
    assert_eq!("19456:2".parse(), Ok(LoginCost { memory_kib: 19_456, passes: 2 }));
    for text in ["", "19456", "19456:", ":2", "7:1", "8:0", "1048577:1", "8:101", "-8:1", "8:1:1"] {
        assert!(text.parse::<LoginCost>().unwrap_err().contains("19456:2"), "{text}");
    }
}

#[test]
fn what_needs_a_store_is_refused_without_one() {
    let nothing = SharedRequest::default();
    for (request, flag) in [
        (SharedRequest { cpu: Some(Some(10)), ..nothing.clone() }, "--store-cpu"),
        (SharedRequest { cpu: Some(None), store: Some(StoreKind::Sqlite), ..nothing.clone() }, "--store-cpu"),
        (SharedRequest { rows: Some(10), ..nothing.clone() }, "--store-rows"),
        (SharedRequest { connections: Some(2), ..nothing.clone() }, "--store-connections"),
        (SharedRequest { shards: Some(2), ..nothing.clone() }, "--shards"),
        (SharedRequest { delay: Some(Duration::from_millis(5)), ..nothing.clone() }, "--store-delay"),
        (
            SharedRequest {
                store: Some(StoreKind::Redis),
                replicas: Some(1),
                delay: Some(Duration::from_millis(5)),
                ..nothing.clone()
            },
            "--store-delay",
        ),
        (SharedRequest { replicas: Some(0), ..nothing.clone() }, "--replicas"),
        (SharedRequest { units: Some(2), ..nothing.clone() }, "--store-units"),
        (
            SharedRequest { store: Some(StoreKind::Redis), shards: Some(2), replicas: Some(1), ..nothing.clone() },
            "--shards and --replicas",
        ),
        (SharedRequest { shards: Some(2), store: Some(StoreKind::Sqlite), ..nothing.clone() }, "--shards"),
        (SharedRequest { redis_cluster: true, store: Some(StoreKind::Redis), ..nothing.clone() }, "--redis-cluster"),
        (
            SharedRequest { redis_cluster: true, shards: Some(3), store: Some(StoreKind::Mariadb), ..nothing.clone() },
            "--redis-cluster",
        ),
    ] {
        assert!(request.settle(Some(10)).unwrap_err().to_string().starts_with(flag), "{flag}");
    }
    assert!(nothing.is_empty() && nothing.settle(None).is_ok());
}

#[test]
fn words_are_those_of_the_command_line() {
    fn words<T: ValueEnum>(name: fn(T) -> &'static str) {
        for kind in T::value_variants() {
            assert_eq!(kind.to_possible_value().unwrap().get_name(), name(kind.clone()));
        }
    }
    words(StoreKind::name);
    words(SessionsKind::name);
    words(CacheKind::name);
    words(ServerKind::name);
}
