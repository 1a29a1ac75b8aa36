#!/bin/bash
# Builds the image with a Docker daemon of its own, looks into it, and runs the compose file for real. No image is
# pulled: the base is made with debootstrap.
#
# The image's programs come from the build tree that is tested, by the Dockerfile's argument PROGRAMS: compiling
# everything a second time inside of docker would show nothing new and take as long as all tests together. What that
# leaves out is covered by building the stage "configured": it shows that deploy/packages/build.txt holds all that
# configuring in a bare Debian needs. (JE_DEPLOY_FULL=yes compiles in there too.)
set -uo pipefail

skip() {
  echo "skipped: $*"
  exit 77
}
note() { printf '\n-- %s\n' "$*"; }
fail() {
  printf '\nFAILED: %s\n' "$*"
  exit 1
}
expect() { # expect DESCRIPTION ACTUAL WANTED
  [ "$2" = "$3" ] || fail "$1: '$2' instead of '$3'"
  echo "ok: $1: $2"
}

[ "$(id -u)" -eq 0 ] || skip "making a base image and running Docker's daemon need root"
# Debian's own client where there are several: its version fits the daemon.
docker_client=/usr/bin/docker
[ -x "$docker_client" ] || skip "no $docker_client (Debian package docker.io)"
command -v dockerd >/dev/null || skip "no dockerd (Debian package docker.io)"
command -v debootstrap >/dev/null || skip "no debootstrap"

source=$JE_SOURCE_DIRECTORY
build=$JE_BUILD_DIRECTORY
work=$(mktemp -d /var/tmp/job-engine-deploy-XXXXXX)
export DOCKER_HOST=unix://$work/docker.sock DOCKER_BUILDKIT=1 DOCKER_CONFIG=$work/client
project=jedeploy$$
daemon=
docker() { "$docker_client" "$@"; }

clean_up() {
  local containers
  if [ -n "$daemon" ]; then
    containers=$(docker ps -q 2>/dev/null)
    # shellcheck disable=SC2086 # a list of words
    [ -z "$containers" ] || docker kill $containers >/dev/null 2>&1
    docker network ls -q --filter "name=$project" 2>/dev/null | xargs -r "$docker_client" network rm >/dev/null 2>&1
    kill "$daemon" 2>/dev/null
    wait "$daemon" 2>/dev/null
  fi
  awk -v work="$work/" 'index($2, work) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# start_daemon OPTION...: whether a daemon with these options serves.
start_daemon() {
  dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/docker.pid" -H "$DOCKER_HOST" "$@" \
    >"$work/dockerd.log" 2>&1 &
  daemon=$!
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    docker info >/dev/null 2>&1 && return 0
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.2
  done
  kill "$daemon" 2>/dev/null
  wait "$daemon" 2>/dev/null
  daemon=
  return 1
}

note "a Docker daemon of our own"
networks=yes
if ! start_daemon; then
  networks=
  start_daemon --bridge=none --iptables=false --ip6tables=false ||
    start_daemon --bridge=none --iptables=false --ip6tables=false --storage-driver=vfs || {
    tail -n 20 "$work/dockerd.log"
    skip "Docker's daemon does not run on this machine"
  }
fi
docker info --format 'docker {{.ServerVersion}}, storage {{.Driver}}'

note "a base image with debootstrap"
# Where this machine gets its packages from.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
  grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1)
debootstrap --variant=minbase bookworm "$work/base" ${mirror:+"${mirror% }"} >"$work/debootstrap.log" 2>&1 || {
  tail -n 20 "$work/debootstrap.log"
  fail "debootstrap"
}
tar -C "$work/base" -c . | docker import - job-engine-test-base:bookworm >/dev/null || fail "docker import"
rm -rf "$work/base"

note "the programs of this build"
cmake --install "$build" --prefix "$work/tree/opt/job-engine" --strip >"$work/install.log" 2>&1 || {
  tail -n 20 "$work/install.log"
  fail "cmake --install"
}
tar -C "$work/tree" -c . | docker import - job-engine-test-programs:built >/dev/null || fail "docker import"

# image TAG OPTION...: builds from the Dockerfile. Host network: works without bridges, too.
image() {
  local tag=$1
  shift
  docker build --network=host --build-arg BASE_IMAGE=job-engine-test-base:bookworm -t "$tag" "$@" "$source" \
    >"$work/build.log" 2>&1 || {
    tail -n 40 "$work/build.log"
    fail "docker build $*"
  }
}

note "docker build"
image job-engine --build-arg PROGRAMS=job-engine-test-programs:built
image job-engine-configured --target configured
if [ -n "${JE_DEPLOY_FULL:-}" ]; then
  note "docker build, compiling"
  image job-engine
fi

note "what is in the image"
in_image() { docker run --rm --network=none job-engine "$@"; }
expect "user id" "$(in_image id -u)" 10001
expect "process 1" "$(in_image cat /proc/1/comm)" tini
for tool in cc gcc g++ clang clang-19 ld make cmake ninja; do
  ! in_image sh -c "command -v $tool" || fail "$tool is in the image"
done
echo "ok: no compiler"
for program in job-api job-distributor job-executor jobctl; do
  version=$(in_image "$program" --version) || fail "$program does not run"
  expect "$program" "${version% *}" "$program"
done
plugins='cd /opt/job-engine && find . -name "*.so" | sort | tr "\n" " "'
expect "plugins" "$(in_image sh -c "$plugins")" "$(cd "$work/tree/opt/job-engine" && find . -name "*.so" | sort | tr "\n" " ")"

# wait_for WHAT COMMAND...: until it succeeds; half a minute.
wait_for() {
  local what=$1 tries
  shift
  for ((tries = 0; tries < 150; tries++)); do
    "$@" >/dev/null 2>&1 && {
      echo "ok: $what"
      return 0
    }
    sleep 0.2
  done
  docker ps -a
  fail "$what: not within half a minute"
}
health() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$1")" = healthy ]; }

note "signals and health"
api=$(docker run -d --network=none --health-interval=1s -e JOB_API_ADMIN_PASSWORD=only-for-this-test job-engine \
  job-api --database /var/lib/job-engine/job-api.db) || fail "docker run"
wait_for "job-api is healthy" health "$api"
start=$SECONDS
docker stop -t 60 "$api" >/dev/null
expect "exit code after SIGTERM" "$(docker inspect -f '{{.State.ExitCode}}' "$api")" 0
[ $((SECONDS - start)) -lt 30 ] || fail "SIGTERM took $((SECONDS - start)) s"
# By a file: head ending early would make the pipe's writer fail, and with pipefail the whole.
docker logs "$api" >"$work/api.log" 2>&1
/usr/bin/python3 -c 'import json, sys; json.loads(sys.stdin.readline())' <"$work/api.log" || {
  cat "$work/api.log"
  fail "the log is not JSON"
}
echo "ok: the log is JSON"

note "the compose file"
compose_program=$(command -v docker-compose) || skip "the rest: no docker-compose"
cp -r "$source/deploy" "$work/deploy"
mkdir -m 700 "$work/deploy/secrets"
echo only-for-this-test >"$work/deploy/secrets/admin-password"
export ZOOKEEPER_IMAGE=job-engine-test-zookeeper JOB_ENGINE_IMAGE=job-engine JOB_API_PORT=0
compose() { "$compose_program" -p "$project" -f "$work/deploy/docker-compose.yml" "$@"; }
compose config -q || fail "docker-compose config"
echo "ok: it is valid"
[ -n "$networks" ] || skip "the rest: this kernel gives Docker no networks"

# What stands for ZooKeeper's official image, which cannot be pulled here.
docker build --network=host -t "$ZOOKEEPER_IMAGE" -f - "$source" >"$work/build.log" 2>&1 <<'TEXT' || fail "docker build"
FROM job-engine-test-base:bookworm
COPY deploy/packages /packages
RUN /packages/install zookeeper
RUN mkdir -p /data /datalog && printf '%s\n' tickTime=2000 dataDir=/data dataLogDir=/datalog clientPort=2181 \
    admin.enableServer=false >/zoo.cfg && printf '#!/bin/sh\n' >/usr/local/bin/zkServer.sh && chmod +x /usr/local/bin/zkServer.sh
CMD ["java", "-cp", "/usr/share/java/zookeeper.jar", "org.apache.zookeeper.server.ZooKeeperServerMain", "/zoo.cfg"]
TEXT

compose up -d --scale executor=3 --scale distributor=2 >"$work/up.log" 2>&1 || {
  cat "$work/up.log"
  fail "docker-compose up"
}
expect "executors" "$(docker ps -q --filter "label=com.docker.compose.service=executor" | wc -l)" 3
expect "distributors" "$(docker ps -q --filter "label=com.docker.compose.service=distributor" | wc -l)" 2
jobctl_in_network() {
  docker run --rm --network "${project}_default" -v "$work/deploy/secrets/admin-password:/password:ro" \
    -e JOB_API_URL=http://job-api:8200 -e JOB_API_USER=admin -e JOB_API_PASS_FILE=/password \
    -e JOB_ZK_HOSTS=zookeeper:2181 job-engine jobctl "$@"
}
wait_for "the API answers" jobctl_in_network list --api-timeout 2s
said=$(jobctl_in_network submit run_command --payload '{"argv": ["id", "-u"]}' --wait) || {
  compose logs --tail=20
  fail "a job through the whole system: $said"
}
echo "ok: a job went through the whole system: $said"
jobctl_in_network queue || fail "jobctl queue"
start=$SECONDS
compose stop >"$work/stop.log" 2>&1
echo "stopped within $((SECONDS - start)) s"
for container in $(docker ps -aq --filter "label=com.docker.compose.project=$project"); do
  name=$(docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}}' "$container")
  [ "$name" = zookeeper ] || expect "exit code of $name" "$(docker inspect -f '{{.State.ExitCode}}' "$container")" 0
done
compose down -v >/dev/null 2>&1
note "all well"
