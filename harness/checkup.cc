// Can a run start here, and what must be done so that it can?
#include "harness/checkup.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/base/process.h"
#include "harness/plan.h"

namespace holdfast {
namespace {

std::string_view to_string(Finding::State state) {
  switch (state) {
    case Finding::State::kGood:
      return "ok";
    case Finding::State::kLimits:
      return "limits";
    case Finding::State::kMissing:
      return "missing";
  }
  return {};
}

}  // namespace

bool ready(const std::vector<Finding>& findings) {
  return std::ranges::none_of(findings, [](const Finding& f) { return f.state == Finding::State::kMissing; });
}

Finding check_kernel(const std::string& about, const Result<KernelImage>& kernel) {
  if (!kernel) {
    const Error& error = kernel.error();
    return {Finding::State::kMissing, about, error.what, error.hint.empty() ? "holdfast kernel build" : error.hint};
  }
  const std::string name = fmt::format("{} ({})", kernel->release, kernel->path.string());
  if (!kernel->config) {
    return {Finding::State::kLimits, about, name + ": shows no configuration, what it offers is found out when it runs",
            "build it with CONFIG_IKCONFIG=y"};
  }
  for (const Level level : {Level::kKexec, Level::kLuo, Level::kRetrieve}) {
    if (const auto missing = missing_for(level, *kernel)) {
      return {level == Level::kKexec ? Finding::State::kMissing : Finding::State::kLimits, about,
              fmt::format("{}: {}", name, *missing), "holdfast kernel build --tree DIR --config FRAGMENT"};
    }
  }
  return {Finding::State::kGood, about, name + ": offers vfio-pci live update", ""};
}

std::vector<Finding> check_other_kernels(const std::vector<CaseInfo>& cases, const OtherKernels& there,
                                         const KernelImage& kernel_a) {
  std::map<std::string, Finding> findings;
  for (const CaseInfo& info : cases) {
    const auto& wanted = info.needs.other_kernel;
    if (!wanted || findings.contains(wanted->name)) continue;
    const std::string about = fmt::format("kernel '{}'", wanted->name);
    if (const auto missing = missing_for(*wanted, there, kernel_a)) {
      findings[wanted->name] = {Finding::State::kLimits, about, "cases that need it are skipped: " + *missing, ""};
    } else {
      findings[wanted->name] = {Finding::State::kGood, about, there.at(wanted->name).release, ""};
    }
  }
  std::vector<Finding> rows;
  for (auto& [name, finding] : findings) rows.push_back(std::move(finding));
  return rows;
}

Finding check_program(const std::string& program, const std::string& purpose, const std::string& mend) {
  if (const auto path = find_program(program)) return {Finding::State::kGood, program, path->string(), ""};
  return {Finding::State::kMissing, program, fmt::format("not in PATH; it is needed for {}", purpose), mend};
}

std::vector<std::vector<std::string>> to_rows(const std::string& target, const std::vector<Finding>& findings) {
  std::vector<std::vector<std::string>> rows{{"TARGET", "STATE", "ABOUT", "FOUND"}};
  for (const Finding& finding : findings) {
    const std::string mend = finding.mend.empty() ? "" : fmt::format("; mend: {}", finding.mend);
    rows.push_back({target, std::string(to_string(finding.state)), finding.about, finding.what + mend});
  }
  return rows;
}

}  // namespace holdfast
