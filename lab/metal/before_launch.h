// Would a host's own system leave for a test kernel, and does it need none of the devices that are to be tested?
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "harness/checkup.h"
#include "lab/host.h"
#include "lab/metal/ssh.h"

namespace holdfast::lab {

/// Run on the host: prints "kexec none", "kexec there" or "kexec without-files", and "disabled 0|1|2" and "lockdown
/// WORD" where the kernel says so.
inline constexpr const char* kAskForKexec = R"sh(set -eu
if [ ! -e /sys/kernel/kexec_loaded ]; then echo 'kexec none'
elif grep -qs '^# CONFIG_KEXEC_FILE is not set' "/boot/config-$(uname -r)"; then echo 'kexec without-files'
else echo 'kexec there'
fi
for file in /proc/sys/kernel/kexec_load_disabled /proc/sys/kernel/kexec_load_limit_reboot; do
  [ ! -r $file ] || echo "${file##*/} $(cat $file)"
done
locked=$(cat /sys/kernel/security/lockdown 2>/dev/null || true)
case $locked in *\[*\]*) locked=${locked#*\[}; echo "lockdown ${locked%%\]*}" ;; esac
)sh";

/// What kAskForKexec printed, judged. kLimits where it takes signed kernels only.
Finding judge_kexec(std::string_view told);

/// What a launch would refuse, without one: kexec; with payload initramfs the network that test kernels have to bring
/// up; each device of the inventory that the host's own system needs, or that is not to be touched. Brings the agent to
/// `work_dir` and ends it again; nothing else is changed. `ssh` leads to the host's own system.
std::vector<Finding> look_before_launch(Ssh& ssh, const Host& host, const std::filesystem::path& agent,
                                        const Deadline& deadline);

}  // namespace holdfast::lab
