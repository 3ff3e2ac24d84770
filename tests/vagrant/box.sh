# shellcheck shell=bash
# A small Debian box for vagrant-libvirt, made from Debian packages alone: no boot loader, no loop device, no download of
# a finished box. Its kernel and initrd ride in the box. Meant for tests on machines without KVM: it boots in half a minute there.
#
#   box_build FOLDER    makes FOLDER/box.img, vmlinuz, initrd, metadata.json, Vagrantfile and qemu (about a minute; needs root)

BOX_PACKAGES=systemd-sysv,udev,dbus,openssh-server,sudo,linux-image-cloud-amd64,iproute2,curl,procps,kmod,haproxy,nginx-light,sysstat,jq,socat,openssl,ca-certificates

# Units that a test machine can live without; each costs seconds under software emulation.
BOX_MASKED=(
    systemd-logind.service getty@tty1.service serial-getty@ttyS0.service getty.target console-getty.service
    modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service modprobe@dm_mod.service modprobe@loop.service
    dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer e2scrub_reap.service sysstat-collect.timer
    sysstat-summary.timer sysstat.service systemd-networkd-wait-online.service systemd-timesyncd.service systemd-pstore.service
    systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-binfmt.service systemd-hwdb-update.service
    systemd-tmpfiles-clean.timer systemd-rfkill.service haproxy.service nginx.service
)

# The customize hook of mmdebstrap; its first argument is the new root. `set -e`, or a failure would pass silently.
box_customize() {
    cat <<'HOOK'
set -eu
root=$1 key=$2
shift 2
# A password that nothing matches: without one the account counts as locked, and sshd lets nobody in.
chroot "$root" useradd --create-home --shell /bin/bash --password '*' vagrant
install -d -m 700 "$root/home/vagrant/.ssh"
install -m 600 "$key" "$root/home/vagrant/.ssh/authorized_keys"
chroot "$root" chown -R vagrant:vagrant /home/vagrant/.ssh
printf 'vagrant ALL=(ALL) NOPASSWD: ALL\n' >"$root/etc/sudoers.d/vagrant"
chmod 440 "$root/etc/sudoers.d/vagrant"
printf 'UseDNS no\nGSSAPIAuthentication no\nUsePAM no\n' >"$root/etc/ssh/sshd_config.d/vagrant.conf"
# A session that outlives ssh would let a halt hang.
mkdir -p "$root/etc/systemd/system/ssh.service.d"
printf '[Service]\nKillMode=control-group\nTimeoutStopSec=5\n' >"$root/etc/systemd/system/ssh.service.d/stop.conf"
printf '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\n[DHCPv4]\nClientIdentifier=mac\nUseDomains=no\n' >"$root/etc/systemd/network/10-eth0.network"
chroot "$root" systemctl enable systemd-networkd.service ssh.service
for unit in "$@"; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
: >"$root/etc/machine-id"
: >"$root/etc/resolv.conf"
: >"$root/etc/fstab"
printf 'debian\n' >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 debian\n' >"$root/etc/hosts"
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf.d/volatile.conf"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/*
HOOK
}

# A 1 MB initrd: busybox, the virtio modules in their order, and a switch to the real root.
box_initrd() {
    local tree=$1 out=$2 stage module path version
    version=$(basename "$tree"/lib/modules/*)
    stage=$(mktemp -d)
    mkdir -p "$stage"/{bin,dev,proc,sys,root,modules}
    cp /bin/busybox "$stage/bin/busybox"
    # modules.dep(5): what a module needs, nearest first; so the last is loaded first. What it does not list is built in.
    for module in virtio_pci virtio_blk crc32c_generic ext4; do
        while read -r path; do
            [[ ! -e $stage/modules/${path##*/} ]] || continue
            cp "$tree/lib/modules/$version/$path" "$stage/modules/"
            echo "${path##*/}" >>"$stage/modules/order"
        done < <(awk -F': ?' -v module="/$module.ko" 'index($1, module) { n = split($2, needs, " "); while (n) print needs[n--]; print $1 }' \
            "$tree/lib/modules/$version/modules.dep")
    done
    [[ -s $stage/modules/order ]] || { echo "the box's kernel $version has no list of modules" >&2; return 1; }
    cat >"$stage/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
while read -r module; do /bin/busybox insmod "/modules/$module"; done </modules/order
tries=0
until [ -b /dev/vda ] || [ $tries -ge 300 ]; do /bin/busybox sleep 0.1; tries=$((tries + 1)); done
/bin/busybox mount -t ext4 /dev/vda /root || exec /bin/busybox poweroff -f
/bin/busybox mount --move /dev /root/dev
/bin/busybox umount /proc /sys
exec /bin/busybox switch_root /root /sbin/init
INIT
    chmod 755 "$stage/init"
    (cd "$stage" && find . | cpio --quiet -o -H newc | gzip -1) >"$out"
    rm -rf "$stage"
}

box_build() {
    local out=$1 work key
    key=$(find /usr/share/rubygems-integration /opt/vagrant -path '*vagrant-[0-9]*/keys/vagrant.pub' 2>/dev/null | head -n 1 || true)
    [[ -n $key ]] || { echo "the insecure public key that vagrant ships was not found" >&2; return 1; }
    work=$(mktemp -d)
    box_customize >"$work/customize"
    mmdebstrap --quiet --mode=root --variant=minbase --include="$BOX_PACKAGES" --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook="sh $work/customize \"\$1\" $key ${BOX_MASKED[*]}" \
        bookworm "$work/root"
    mkdir -p "$out"
    cp "$work"/root/boot/vmlinuz-* "$out/vmlinuz"
    box_initrd "$work/root" "$out/initrd"
    rm -rf "$work"/root/boot/* "$work"/root/dev/* "$work"/root/proc/* "$work"/root/sys/*
    mke2fs -q -t ext4 -d "$work/root" "$work/root.raw" 2G
    qemu-img convert -f raw -O qcow2 "$work/root.raw" "$out/box.img"
    rm -rf "$work"
    printf '{"provider":"libvirt","format":"qcow2","virtual_size":2}\n' >"$out/metadata.json"
    # Software emulation caches its translations: 128 MB are enough, and the default of 1 GB a machine is not there.
    cat >"$out/qemu" <<'QEMU'
#!/bin/bash
arguments=("$@")
for index in "${!arguments[@]}"; do
    [[ ${arguments[index]} != tcg ]] || arguments[index]=tcg,tb-size=128
done
exec /usr/bin/qemu-system-x86_64 "${arguments[@]}"
QEMU
    chmod 755 "$out/qemu"
    # What a stock box needs no word about. The project's own Vagrantfile has the last word where it speaks.
    cat >"$out/Vagrantfile" <<'BOX'
here = File.expand_path(__dir__)
Vagrant.configure("2") do |config|
  config.ssh.insert_key = false
  config.vm.boot_timeout = 300
  config.vm.provider "libvirt" do |libvirt|
    libvirt.driver = "qemu"
    libvirt.cpu_mode = "custom"
    libvirt.cpu_model = "qemu64"
    libvirt.graphics_type = "none"
    libvirt.video_type = "none"
    libvirt.management_network_mode = "none"
    libvirt.emulator_path = File.join(here, "qemu")
    libvirt.kernel = File.join(here, "vmlinuz")
    libvirt.initrd = File.join(here, "initrd")
    libvirt.cmd_line = "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet mitigations=off"
  end
end
BOX
}
