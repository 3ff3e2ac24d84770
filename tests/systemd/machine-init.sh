#!/usr/bin/env bash
# First process of a test machine (see machine.sh), already in namespaces of its own: prepares a root and becomes systemd.
#   machine-init.sh BASE NAME "TYPE:OPTIONS …" [FOLDER…]
set -euo pipefail
base=$1 name=$2 hierarchies=$3
shift 3

mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$base"
mkdir "$base"/{upper,work,root}
# Writes go to memory and vanish with the mount namespace.
mount -t overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" overlay "$base/root"
cd "$base/root"

# Only what belongs to systemd itself starts: none of the services of the computer below, no mount of its fstab, no kernel settings.
rm -rf etc/systemd/system/*.wants etc/systemd/system.control etc/fstab etc/machine-id
rm -rf {usr/,}lib/systemd/system/{multi-user,graphical,timers,getty,remote-fs,network-online}.target.wants
rm -rf usr/local/lib/systemd/system/{,*.wants/}webapp* etc/systemd/system/webapp* etc/webapp usr/local/bin/webapp
for unit in dev-hugepages.mount dev-mqueue.mount sys-kernel-{debug,tracing,config}.mount sys-fs-fuse-connections.mount modprobe@.service \
    proc-sys-fs-binfmt_misc.automount systemd-{udevd,logind,networkd,resolved,timesyncd,sysctl,modules-load,random-seed,binfmt}.service \
    systemd-udev-trigger.service systemd-{firstboot,hwdb-update,update-utmp,update-utmp-runlevel}.service; do
    ln -sf /dev/null "etc/systemd/system/$unit"
done
ln -sf /lib/systemd/system/multi-user.target etc/systemd/system/default.target
echo "$name" >etc/hostname
: >etc/machine-id
printf '127.0.0.1 localhost\n' >etc/hosts

mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,rw proc/sys/net
mount -t sysfs -o ro sysfs sys
if [[ $hierarchies == cgroup2:- ]]; then
    mount -t cgroup2 cgroup2 sys/fs/cgroup
else
    mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
    for hierarchy in $hierarchies; do
        options=${hierarchy#*:}
        if [[ $hierarchy == cgroup2:- ]]; then
            mkdir sys/fs/cgroup/unified
            mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
            continue
        fi
        mkdir -p "sys/fs/cgroup/${options#name=}"
        mount -t cgroup -o "${options/#name=/none,name=}" cgroup "sys/fs/cgroup/${options#name=}"
    done
fi
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/{pts,shm}
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp

# Last, since a folder may lie under /tmp.
for folder in "$@"; do
    mkdir -p "$base/root$folder"
    mount --bind "$folder" "$base/root$folder"
    mount -o remount,bind,ro "$base/root$folder"
done
mkdir -p .old-root
pivot_root . .old-root
umount -l /.old-root
exec env -i container=webapp-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system
