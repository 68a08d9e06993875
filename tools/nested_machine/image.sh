# What is on the nested machine, and how is it packed? Sourced by tools/nested-machine.
# shellcheck shell=bash disable=SC2034,SC2154  # `parts` and `program` are of tools/nested-machine, `kernel` for machine.sh
#
# An initramfs of programs that are installed here, each with the libraries that its loader names: no distribution, so
# that it is up in seconds without KVM. The same content is packed once.

image_programs=(bash cat cp date env grep head ip ln ls lspci lz4 mkdir mount mv ps qemu-system-x86_64 readlink rm setsid sleep
  sshd stat tail tar timeout touch uname)
# What QEMU opens for the machines of holdfast, in the folders that it names itself.
image_firmware=(bios-256k.bin kvmvapic.bin linuxboot_dma.bin)
# Kernels for the guest inside. The first is the machine's own as well.
image_kernels=(reference faults)

cache=${HOLDFAST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/holdfast}

# Prints the files to carry, one "FILE PLACE" a line.
image_files() {
  local name file folder parts_of_sshd=(/usr/lib/openssh/sshd-{session,auth}) closure=()
  for name in "${image_programs[@]}"; do
    closure+=("$(type -P "$name")") || fail 2 "there is no $name; tools/setup installs what is missing"
  done
  for file in "${parts_of_sshd[@]}"; do [[ ! -e $file ]] || closure+=("$file"); done
  # QEMU's accelerators are modules where a distribution has it so.
  for file in /usr/lib/*/qemu/accel-tcg-x86_64.so; do [[ ! -e $file ]] || closure+=("$file"); done
  printf '%s %s\n' "$program" /usr/bin/holdfast "$(dirname "$program")/holdfast-agent" /usr/bin/holdfast-agent
  for file in "${closure[@]}"; do printf '%s %s\n' "$file" "$file"; done
  # Of a static program (the agent) ldd says that it has none, on stderr.
  ldd "$program" "${closure[@]}" 2>/dev/null | awk '{ for (i = 1; i <= NF; ++i) if ($i ~ "^/.*[^:]$") print $i, $i }' | sort -u
  for name in "${image_firmware[@]}"; do
    file=''
    while read -r folder; do [[ ! -e $folder/$name ]] || file=$folder/$name; done < <(qemu-system-x86_64 -L help)
    [[ -n $file ]] || fail 2 "QEMU has no $name here; tools/setup installs what is missing"
    printf '%s %s\n' "$file" "/usr/share/qemu/$name"
  done
  file=/usr/share/misc/pci.ids
  [[ ! -e $file ]] || printf '%s %s\n' "$file" "$file"
  for name in "${image_kernels[@]}"; do
    folder=kernels/$(<"$cache/names/$name")
    printf '%s %s\n' "$cache/names/$name" "/cache/names/$name"
    for file in bzImage config meta.json; do printf '%s %s\n' "$cache/$folder/$file" "/cache/$folder/$file"; done
  done
  printf '%s %s\n' "$parts/init" /init
}

# make_image: sets `image` to the initramfs, and `kernel` to what boots it; packs it when it is not there.
make_image() {
  local images=$cache/nested-machine list name lock
  for name in cpio flock ldd; do command -v "$name" >/dev/null || fail 2 "there is no $name; tools/setup installs it"; done
  [[ -x $program ]] || fail 2 "there is no $program; tools/quickstart builds it"
  for name in "${image_kernels[@]}"; do
    [[ -e $cache/names/$name ]] || fail 2 "there is no kernel \"$name\"; holdfast kernel build makes it (--series faults for faults)"
  done
  kernel=$cache/kernels/$(<"$cache/names/${image_kernels[0]}")/bzImage
  list=$(image_files) || exit
  image=$images/$({ cat "$parts/image.sh"; while read -r name _; do echo "$name"; done <<<"$list" | xargs -d '\n' sha256sum; } |
    sha256sum | cut -c 1-16).cpio
  mkdir -p "$images"
  if [[ ! -e $image ]]; then
    exec {lock}>"$images/lock"
    flock "$lock"
    [[ -e $image ]] || pack_image "$list" "$image" || fail 1 "cannot pack $image"
    exec {lock}>&-
    # What other versions made, and nobody used for a week.
    find "$images" -name '*.cpio' -mtime +7 -delete
  fi
  touch "$image"
}

# pack_image LIST ARCHIVE
pack_image() {
  local work name place link
  work=$(mktemp -d "$2.XXXXXX")
  mkdir -p "$work"/{dev,etc/ssh,out,proc,root/.ssh,run/sshd,sys,tmp,usr/{bin,sbin,lib,lib64}}
  # The loader and the libraries are named by their old places.
  for link in bin sbin lib lib64; do ln -s "usr/$link" "$work/$link"; done
  while read -r name place; do
    mkdir -p "$work${place%/*}" && cp -L --reflink=auto "$name" "$work$place" || return
  done <<<"$1"
  chmod 755 "$work/init"
  ln -s bash "$work/usr/bin/sh"
  printf 'root:*:0:0:root:/root:/bin/bash\nsshd:*:1:1:sshd:/run/sshd:/bin/bash\n' >"$work/etc/passwd"
  printf 'root:x:0:\nsshd:x:1:\n' >"$work/etc/group"
  cat >"$work/etc/ssh/sshd_config" <<'TEXT'
HostKey /etc/ssh/host_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
PrintMotd no
SetEnv PATH=/usr/sbin:/usr/bin HOLDFAST_CACHE=/cache HOLDFAST_OUT=/out
TEXT
  (cd "$work" && find . -mindepth 1 -print0 | cpio --null --create --format=newc --owner=0:0 --quiet) >"$2.new" && mv "$2.new" "$2"
  local code=$?
  rm -rf "$work"
  return "$code"
}
