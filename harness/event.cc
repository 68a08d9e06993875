// How are cases and attempts named in reports and on disk?
#include "harness/event.h"

#include <fmt/format.h>

namespace holdfast {

std::string CaseId::key() const {
  return device.empty() ? fmt::format("{}.{}", suite, name) : fmt::format("{}.{}/{}", suite, name, device);
}

std::string CaseId::classname() const { return device.empty() ? suite : fmt::format("{}.{}", suite, device); }

std::string attempt_dir(const Where& where) {
  const CaseId& id = where.id;
  return fmt::format("cases/{}.{}/{}/attempt-{}", id.suite, id.name, id.device.empty() ? "none" : id.device,
                     where.attempt);
}

}  // namespace holdfast
