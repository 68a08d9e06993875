// How are cases and attempts named in reports and on disk?
#include "harness/event.h"

#include <fmt/format.h>

namespace holdfast {

std::string CaseId::key() const {
  return device.empty() ? fmt::format("{}.{}", suite, name) : fmt::format("{}.{}/{}", suite, name, device);
}

std::string CaseId::classname() const { return device.empty() ? suite : fmt::format("{}.{}", suite, device); }

std::string Milestone::key() const {
  const std::string of_kexec = kexec > 1 ? fmt::format("#{}", kexec) : "";
  return device.empty() ? name + of_kexec : fmt::format("{}{}/{}", name, of_kexec, device);
}

std::string_view milestone_of(std::string_view key) { return key.substr(0, key.find_first_of("#/")); }

std::string attempt_dir(const Where& where, bool several_targets) {
  const CaseId& id = where.id;
  const std::string of_target = several_targets ? where.target + "/" : "";
  return fmt::format("cases/{}.{}/{}/{}attempt-{}", id.suite, id.name, id.device.empty() ? "none" : id.device,
                     of_target, where.attempt);
}

}  // namespace holdfast
