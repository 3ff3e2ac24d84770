# shellcheck shell=bash disable=SC2154 # test-vagrant.sh sets here
# What needs no machine: the Vagrantfile as both providers read it, and what a wrong setting says.

# valid PROVIDER: the Vagrantfile as that provider reads it.
valid() { VAGRANT_DEFAULT_PROVIDER=$1 timeout 60 vagrant validate; }

# refused WORDS COMMAND…: it fails, and says so.
refused() {
    local words=$1 output
    shift
    if output=$("$@" 2>&1); then echo "it did not fail: $output"; return 1; fi
    [[ $output == *"$words"* ]] || { echo "$output"; return 1; }
}

# scaling DIR: a cluster of machines that are not there is scaled: vagrant, ssh, curl and webapp are programs in DIR that note what they
# are asked. The checks read the notes.
scaling() {
    local dir=$1 notes=$1/notes drive
    cat >"$dir/note" <<'FAKE'
#!/bin/bash
name=${0##*/} notes=${0%/*}/notes
case $name in
vagrant) [[ "$1" == ssh-config ]] && echo "Host $3" && exit ;;
ssh)
    machine=$(printf '%s\n' "$@" | grep -m 1 -xE 'balancer|node[0-9]+|vertical')
    words=${*: -1}
    cat >/dev/null
    [[ "$machine" != balancer ]] || echo 2.6.12
    set -- "$machine" "${words#sudo bash -s -- }"
    ;;
curl)
    [[ "$*" != *whoami* ]] || { echo >>"$notes.turn" && printf 'X-Node: node%d\r\n' $((1 + $(wc -l <"$notes.turn") % 3)) && exit; }
    # A machine that vagrant has not started does not answer.
    last=$(printf '%s\n' "$@" | grep -m 1 -oE '192\.168\.56\.1[0-9]') || exit 0
    ! grep -qE "^vagrant halt .*node$((${last##*.1}))( |$)" "$notes" || [[ "$(grep -E "^vagrant (up|halt) .*node${last##*.1}( |$)" "$notes" | tail -n 1)" == *' up '* ]]
    exit
    ;;
esac
echo "$name $*" >>"$notes"
FAKE
    chmod 755 "$dir/note"
    for drive in vagrant ssh curl webapp; do ln -s note "$dir/$drive"; done
    drive() { PATH=$dir:$PATH WEBAPP_BIN=$dir/webapp VAGRANT_STATE=$dir/state NODES=3 "$here/scripts/vagrant-driver.sh" "$@"; }
    drive up --units 2 --name fake --unit-cpu 50 --model sync >"$dir/out" 2>&1 || { cat "$dir/out" && return 1; }
    : >"$notes"
    drive scale 3 --name fake >"$dir/out" 2>&1 || { cat "$dir/out" && return 1; }
    check "scale: a new machine is made what the others are" grep -q "^ssh node3 '1' '50' 'sync'" "$notes"
    check "scale: nobody else is touched" refused '' grep -E '^ssh node[12] |halt' "$notes"
    check "scale: the balancer is told, live" grep -qF "ssh balancer 'live' '192.168.56.11:3000,192.168.56.12:3000,192.168.56.13:3000'" "$notes"
    check "scale: and the answer has three" grep -q "cluster describe .*--units 3 .*--node node3=192.168.56.13:3000 --ask" "$notes"
    : >"$notes"
    drive scale 1 --name fake >"$dir/out" 2>&1 || { cat "$dir/out" && return 1; }
    check "scale: those that go are taken out first, then halted" test "$(grep -E '^vagrant|^ssh' "$notes" | paste -sd '|')" = \
        "ssh balancer 'live' '192.168.56.11:3000'|vagrant halt node2 node3"
    check "scale: beyond NODES is refused" refused "export NODES=4" drive scale 4 --name fake
    check "scale: another's cluster is not scaled" refused "no cluster other" drive scale 2 --name other
    drive down --name fake >"$dir/out" 2>&1
}

validate_all() {
    local fakes
    fakes=$(mktemp -d)
    scaling "$fakes" || fail "scale: the cluster of machines that are not there"
    rm -rf -- "$fakes"
    local folder packages=(vagrant vagrant-libvirt)
    if ! have vagrant && { [[ $EUID -ne 0 ]] || ! apt_install "${packages[@]}"; }; then
        skip "vagrant validate: vagrant is not installed (sudo apt-get install -y --no-install-recommends ${packages[*]})"
        checks_end
        return
    fi
    folder=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$folder'" EXIT
    # vagrant reads what belongs to VirtualBox only where VirtualBox seems to be; here its version is all that is asked.
    printf '#!/bin/sh\necho 7.0.0r153978\n' >"$folder/VBoxManage"
    chmod 755 "$folder/VBoxManage"
    cd "$here" || return 1
    export VAGRANT_HOME=$folder/home VAGRANT_DOTFILE_PATH=$folder/dot VAGRANT_CHECKPOINT_DISABLE=1 PATH=$PATH:$folder
    if vagrant plugin list 2>/dev/null | grep -q vagrant-libvirt; then
        check "vagrant validate, as libvirt reads it" valid libvirt
    else
        skip "vagrant validate, as libvirt reads it: vagrant has no plugin vagrant-libvirt"
        export VAGRANT_DEFAULT_PROVIDER=virtualbox
    fi
    check "vagrant validate, as VirtualBox reads it" valid virtualbox
    check "vagrant validate, with every setting" env NODES=4 NODE_CPUS=2 VERTICAL_CPUS=8 NODE_MEMORY=1024 WEBAPP_BALANCER=nginx WEBAPP_NETWORK=192.168.57 vagrant validate
    check "NODES=none says what is allowed" refused "NODES=none is not a number from 1 to 20" env NODES=none vagrant validate
    check "WEBAPP_BALANCER=apache says what is allowed" refused "haproxy, nginx" env WEBAPP_BALANCER=apache vagrant validate
    check "the driver says how to get more nodes" refused "export NODES=3" scripts/vagrant-driver.sh up --topology horizontal --units 3
    check "the driver says which options are not for machines" refused "--algorithm" scripts/vagrant-driver.sh up --algorithm random
    check "the driver has nothing to take down" scripts/vagrant-driver.sh down
    checks_end
}
