// Which keys may stand in which table of an inventory?
#include "lab/inventory/sections.h"

namespace holdfast::lab::sections {

const Section kFile{"outside of all tables", {{"include"}, {"allow"}, {"leases"}, {"vm"}, {"host"}}};
const Section kAllow{"[[allow]]", {{"kind"}, {"title"}, {"reason"}}};
const Section kLeases{"[leases]", {{"folder"}, {"heartbeat_s"}, {"expires_after_s"}}};
const Section kVm{"[[vm]]",
                  {{"name"},
                   {"tags"},
                   {"memory_mib"},
                   {"cpus"},
                   {"accel"},
                   {"time_scale"},
                   {"emulated"},
                   {"hugepages"},
                   {"force"},
                   {"device"}}};
const Section kPassed{
    "[[vm.device]]",
    {{"passthrough"}, {"role"}, {"traits"}, {"port"}, {"function"}, {"rombar"}, {"options"}, {"window_mib"}}};
const Section kHost{"[[host]]",
                    {{"name"},
                     {"tags"},
                     {"time_scale"},
                     {"payload"},
                     {"kernel"},
                     {"next_kernel"},
                     {"modules"},
                     {"initrd"},
                     {"append"},
                     {"work_dir"},
                     {"never_touch"},
                     {"ssh"},
                     {"console"},
                     {"power"},
                     {"device"}}};
const Section kSsh{"[host.ssh]", {{"address"}, {"port"}, {"user"}, {"key"}, {"host_key"}, {"jump"}}};
const Section kJump{"[host.ssh.jump]", {{"address"}, {"port"}, {"user"}, {"key"}, {"host_key"}}};
const Section kConsole{"[host.console]",
                       {{"type"},
                        {"address", "sol tcp"},
                        {"port", "sol tcp"},
                        {"user", "sol"},
                        {"password", "sol"},
                        {"cipher_suite", "sol"},
                        {"argv", "exec"},
                        {"device", "serial"},
                        {"baud", "serial"},
                        {"sysrq_word", "sol exec tcp serial"}}};
const Section kPower{"[[host.power]]",
                     {{"type"},
                      {"address", "ipmi"},
                      {"port", "ipmi"},
                      {"user", "ipmi"},
                      {"password", "ipmi"},
                      {"cipher_suite", "ipmi"},
                      {"agent", "fence"},
                      {"options", "fence"},
                      {"secrets", "fence"},
                      {"on", "exec"},
                      {"off", "exec"},
                      {"state", "exec"}}};
const Section kDevice{"[[host.device]]", {{"role"}, {"bdf"}, {"id"}, {"model"}, {"traits"}}};
const Section kSecret{"{ env = \"NAME\" } or { file = \"path\" }", {{"env"}, {"file"}}};

std::vector<const Section*> all() {
  return {&kFile, &kAllow, &kLeases, &kVm, &kPassed, &kHost, &kSsh, &kJump, &kConsole, &kPower, &kDevice, &kSecret};
}

}  // namespace holdfast::lab::sections
