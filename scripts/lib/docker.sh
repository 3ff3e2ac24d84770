# shellcheck shell=bash disable=SC2034 # for the scripts that source it
# What the drivers for containers share beyond lib/driver.sh: the engine, and the image. What is known of a cluster is in Docker's own labels.

# The port of a node in its container.
DOCKER_PORT=3000
DOCKER_OPTIONS='--name --topology --units --nodes --unit-cpu --balancer --model --port --bind --'

# docker_require: there is a client, and an engine that answers.
docker_require() {
  local said
  have docker || die "docker is not there; install it: sudo apt-get install docker.io"
  said=$(docker version --format '{{.Server.Version}}' 2>&1) || die "no Docker engine answers: ${said##*$'\n'}"
}

# docker_image: prints the name of an image with the program, made now if there is none. WEBAPP_IMAGE names another one.
docker_image() {
  local program sum image
  if [[ -n "${WEBAPP_IMAGE:-}" ]]; then
    printf '%s' "$WEBAPP_IMAGE"
    return 0
  fi
  program=$(webapp_program)
  sum=$(sha256sum <"$program")
  image=webapp:${sum:0:12}
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    step "building the image $image of $program"
    docker_build "$program" "$image" >/dev/null
  fi
  printf '%s' "$image"
}

# docker_build PROGRAM IMAGE: the image with that program.
docker_build() {
  local folder=$DRIVER_ROOT/target/docker
  [[ "$(ldd "$1" 2>&1)" == *static* || "$(ldd "$1" 2>&1)" == *"not a dynamic"* ]] ||
    die "$1 needs the C library of this machine, and the image has none; scripts/build.sh makes a static one"
  mkdir -p -- "$folder"
  # Without symbols it is a tenth smaller; what a node prints when it panics names functions all the same where they are kept.
  (
    exec 8<"$folder"
    flock 8
    if have strip; then strip --strip-all -o "$folder/webapp.new" "$1"; else cp -- "$1" "$folder/webapp.new"; fi
    mv -f -- "$folder/webapp.new" "$folder/webapp"
    docker build --quiet --file "$DRIVER_ROOT/deploy/Dockerfile" --target binary --tag "$2" "$DRIVER_ROOT" 8<&-
  ) >&2 || die "the image $2 could not be built"
}
