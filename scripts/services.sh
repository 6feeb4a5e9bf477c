#!/usr/bin/env bash
# A real Kafka broker (KRaft) and a real Neo4j server on loopback, from Maven jars, for the tests.
# usage: scripts/services.sh start|stop|status|env|pid|restart  [kafka|neo4j]
#        scripts/services.sh crash|revive neo4j    kill -9, and up again with the data it has
#
# `start` fetches the jars once into .cache/services, begins with empty data, waits until both answer, and prints what the
# tests read: VOKG_TEST_KAFKA, VOKG_TEST_NEO4J. Without Java or Maven it says so and ends well: the tests that need a server
# are then skipped, loudly. Ports: the first free ones from 19092 and 17687 on, or VOKG_KAFKA_PORT and VOKG_NEO4J_PORT.
# VOKG_SERVICES names another directory, for servers of one's own with the jars of the others: to be stopped and killed.
# `restart` starts again what was killed, with its data and on its port; `pid` prints the process.
# With VOKG_KAFKA_SECURE=1 the broker takes SASL over TLS alone: user vokg, password "open sesame", authority kafka/ca.pem. Its
# access lists grant what docs/kafka.md says, and no more.
set -euo pipefail
cd "$(dirname "$0")/.."
jars=$PWD/.cache/services
root=${VOKG_SERVICES:-$jars}
verb=${1:-status}
wanted=("${2:-}")
if [ -z "${wanted[0]}" ]; then wanted=(kafka neo4j); fi
patience_secs=180

fetch() { # fetch NAME: its jars, unless those of this pom are there
  local name=$1 pom=tests/services/$1/pom.xml
  mkdir -p "$root/$name"
  if cmp -s "$pom" "$jars/$name/pom.xml"; then return; fi
  echo "fetching the jars of $name"
  rm -rf "${jars:?}/$name"
  mkdir -p "$jars/$name" "$root/$name"
  mvn -q -B -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$jars/$name/jars"
  cp "$pom" "$jars/$name/pom.xml"
}

is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

port() { # port NAME: the one it has, or had last
  cat "$root/$1/port"
}

choose_port() { # choose_port NAME WANTED FIRST: WANTED, or else the first from FIRST on that is free, with the one 1000 above
  local port=${2:-$3} last=$(($3 + 50))
  if [ -z "$2" ]; then
    while [ "$port" -lt "$last" ] && ! { is_free "$port" && is_free "$((port + 1000))"; }; do port=$((port + 1)); done
  fi
  if ! is_free "$port"; then
    echo "port $port is taken, $1 cannot have it; free it, or name another" >&2
    return 1
  fi
  echo "$port" >"$root/$1/port"
}

running() { # running NAME: whether the process that we started lives. After a reboot its number may be another's.
  local file=$root/$1/pid
  [ -f "$file" ] && tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$file")/cmdline" | grep -qF "$root/$1/"
}

stop() {
  local file=$root/$1/pid
  if ! running "$1"; then
    rm -f "$file"
    return
  fi
  local pid i
  pid=$(cat "$file")
  kill "$pid"
  for ((i = 0; i < 200; i++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
  rm -f "$file"
}

answers() { # answers NAME: whether the server does what clients ask first
  case $1 in
    kafka) grep -q 'Kafka Server started' "$root/kafka/log" && (exec 3<>"/dev/tcp/127.0.0.1/$(port kafka)") 2>/dev/null ;;
    neo4j) # the handshake of Bolt: four versions are offered, one is chosen
      (
        exec 3<>"/dev/tcp/127.0.0.1/$(port neo4j)"
        printf '\x60\x60\xb0\x17\0\0\4\4\0\0\0\0\0\0\0\0\0\0\0\0' >&3
        [ "$(head -c 4 <&3 | od -An -tx1 | tr -d ' \n')" = 00000404 ]
      ) 2>/dev/null ;;
  esac
}

await() {
  local i
  for ((i = 0; i < patience_secs * 5; i++)); do
    if answers "$1"; then return 0; fi
    if ! running "$1"; then break; fi
    sleep 0.2
  done
  echo "$1 did not come up within $patience_secs s; the end of its log:" >&2
  tail -n 20 "$root/$1/log" "$root/$1/home/logs/neo4j.log" >&2 2>/dev/null || true
  return 1
}

launch() { # launch NAME COMMAND...: in a session of its own, so that the end of the caller does not end it
  local name=$1 pid i
  shift
  # One that was killed a moment ago may still hold the port.
  for ((i = 0; i < 100; i++)); do
    if is_free "$(port "$name")"; then break; fi
    sleep 0.1
  done
  if ! is_free "$(port "$name")"; then
    echo "port $(port "$name"), which $name had, is taken by another process; end that, then restart $name" >&2
    return 1
  fi
  setsid nohup "$@" >"$root/$name/log" 2>&1 </dev/null &
  pid=$!
  echo "$pid" >"$root/$name/pid"
  # Until it becomes the command it is a copy of this script, which does not pass for the server.
  for ((i = 0; i < 500; i++)); do
    if running "$name" || ! kill -0 "$pid" 2>/dev/null; then break; fi
    sleep 0.02
  done
}

start_kafka() {
  local home=$root/kafka kafka_port controller_port
  choose_port kafka "${VOKG_KAFKA_PORT:-}" 19092
  kafka_port=$(port kafka)
  controller_port=$((kafka_port + 1000))
  rm -rf "$home/data"
  mkdir -p "$home/data"
  cat >"$home/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
listeners=PLAINTEXT://127.0.0.1:$kafka_port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$kafka_port
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$home/data
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.segment.bytes=16777216
EOF
  local credentials=()
  if [ -n "${VOKG_KAFKA_SECURE:-}" ]; then secure_kafka "$kafka_port" "$controller_port"; fi
  cat >"$home/log4j.properties" <<'EOF'
log4j.rootLogger=WARN, stdout
log4j.logger.kafka.server.KafkaRaftServer=INFO
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
EOF
  kafka_jvm
  "${jvm[@]}" kafka.tools.StorageTool format -t vokgvokgvokgvokgvokgvo -c "$home/server.properties" \
    "${credentials[@]}" >"$home/format.log" 2>&1 || {
    cat "$home/format.log" >&2
    return 1
  }
  restart_kafka
}

secure_kafka() { # secure_kafka PORT CONTROLLER: an authority and a certificate of our own, and one user
  local home=$root/kafka inner=$(($1 + 2000)) mechanism
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=vokg-test-authority \
    -keyout "$home/ca.key" -out "$home/ca.pem" 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout "$home/broker.key" -out "$home/broker.csr" 2>/dev/null
  openssl x509 -req -in "$home/broker.csr" -CA "$home/ca.pem" -CAkey "$home/ca.key" -CAcreateserial -days 2 \
    -extfile <(echo subjectAltName=IP:127.0.0.1) -out "$home/broker.crt" 2>/dev/null
  cat "$home/broker.key" "$home/broker.crt" >"$home/broker.pem"
  sed -i -E '/^(advertised\.)?listeners=|^inter\.broker|^listener\.security/d' "$home/server.properties"
  cat >>"$home/server.properties" <<EOF
listeners=SASL_SSL://127.0.0.1:$1,INNER://127.0.0.1:$inner,CONTROLLER://127.0.0.1:$2
advertised.listeners=SASL_SSL://127.0.0.1:$1,INNER://127.0.0.1:$inner
inter.broker.listener.name=INNER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,INNER:PLAINTEXT,SASL_SSL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location=$home/broker.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_vokg="open sesame";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
EOF
  for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
    credentials+=(--add-scram "$mechanism=[name=vokg,password=open sesame]")
  done
}

grant() { # the rights of docs/kafka.md, given by whoever comes from within
  local acls
  kafka_jvm
  acls=("${jvm[@]}" kafka.admin.AclCommand --bootstrap-server "127.0.0.1:$(($(port kafka) + 2000))" --add
    --allow-principal User:vokg --resource-pattern-type prefixed)
  "${acls[@]}" --operation Write --operation Describe --transactional-id vokg- >"$root/kafka/acls.log" 2>&1
  "${acls[@]}" --operation Write --operation Read --operation DescribeConfigs --operation Create --topic vokg \
    >>"$root/kafka/acls.log" 2>&1
}

kafka_jvm() {
  local home=$root/kafka
  jvm=(java -Xms128m -Xmx512m -XX:+UseSerialGC "-Dlog4j.configuration=file:$home/log4j.properties" -cp "$jars/kafka/jars/*")
}

restart_kafka() {
  kafka_jvm
  launch kafka "${jvm[@]}" kafka.Kafka "$root/kafka/server.properties"
}

crash() {
  local pid i
  pid=$(cat "$root/$1/pid")
  kill -9 "$pid"
  # One that nobody reaps stays, and holds nothing any more.
  for ((i = 0; i < 200; i++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
}

start_neo4j() {
  local home=$root/neo4j neo4j_port
  choose_port neo4j "${VOKG_NEO4J_PORT:-}" 17687
  neo4j_port=$(port neo4j)
  rm -rf "$home/home"
  mkdir -p "$home/home/conf" "$home/home/import" "$home/home/plugins"
  cat >"$home/home/conf/neo4j.conf" <<EOF
server.bolt.listen_address=127.0.0.1:$neo4j_port
server.bolt.advertised_address=127.0.0.1:$neo4j_port
server.http.enabled=false
server.https.enabled=false
dbms.security.auth_enabled=false
server.memory.pagecache.size=64m
dbms.usage_report.enabled=false
EOF
  restart_neo4j
}

restart_neo4j() {
  local home=$root/neo4j opens=() package
  for package in java.nio java.io sun.nio.ch java.util.concurrent; do opens+=("--add-opens=java.base/$package=ALL-UNNAMED"); done
  launch neo4j java -Xms1g -Xmx1g -XX:+UseSerialGC "${opens[@]}" -cp "$jars/neo4j/jars/*" \
    org.neo4j.server.CommunityEntryPoint --home-dir="$home/home" --config-dir="$home/home/conf"
}

environment() {
  if running kafka; then echo "export VOKG_TEST_KAFKA=127.0.0.1:$(port kafka)"; fi
  if running neo4j; then echo "export VOKG_TEST_NEO4J=bolt://127.0.0.1:$(port neo4j)"; fi
}

case $verb in
  start)
    for tool in java mvn; do
      if ! command -v "$tool" >/dev/null; then
        echo "SKIPPED: no Kafka and no Neo4j for the tests, since there is no $tool (Java 17 and Maven)" >&2
        exit 0
      fi
    done
    for name in "${wanted[@]}"; do
      if running "$name" && answers "$name"; then continue; fi
      stop "$name"
      fetch "$name"
      "start_$name"
    done
    for name in "${wanted[@]}"; do await "$name"; done
    if [ -n "${VOKG_KAFKA_SECURE:-}" ]; then grant; fi
    environment
    ;;
  stop) for name in "${wanted[@]}"; do stop "$name"; done ;;
  crash) crash neo4j ;;
  revive)
    if ! running neo4j; then restart_neo4j; fi
    await neo4j
    ;;
  status) for name in "${wanted[@]}"; do if running "$name"; then echo "$name runs"; else echo "$name does not run"; fi; done ;;
  env) environment ;;
  pid) for name in "${wanted[@]}"; do if running "$name"; then cat "$root/$name/pid"; fi; done ;;
  restart)
    for name in "${wanted[@]}"; do
      stop "$name"
      "restart_$name"
    done
    for name in "${wanted[@]}"; do await "$name"; done
    ;;
  *)
    echo "usage: scripts/services.sh start|stop|status|env|pid|restart [kafka|neo4j], crash|revive neo4j" >&2
    exit 2
    ;;
esac
