// Which kernels beside A and B may a case go to, and when can it?
#include "harness/other_kernel.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/case_registry.h"
#include "harness/kernel/kernel_verbs.h"
#include "harness/plan.h"

namespace holdfast {

OtherKernel stock_kernel() {
  return {.name = "stock", .build = "holdfast kernel build --series none --name stock", .lacks = "VFIO_PCI_LIVEUPDATE"};
}

OtherKernel renamed_kernel() {
  return {.name = "renamed",
          .build = "holdfast kernel build --config fixtures/kernel/renamed.config --name renamed",
          .level = Level::kRetrieve,
          .must_understand_kernel_a = true};
}

Result<OtherKernels> find_other_kernels(const std::vector<CaseInfo>& cases, const Deadline& deadline) {
  OtherKernels there;
  const auto stored = TRY(kernel::list());
  for (const CaseInfo& info : cases) {
    if (!info.needs.other_kernel || there.contains(info.needs.other_kernel->name)) continue;
    const std::string& name = info.needs.other_kernel->name;
    const bool known = std::ranges::any_of(
        stored, [&](const StoredKernel& one) { return std::ranges::find(one.names, name) != one.names.end(); });
    if (known) there.emplace(name, TRY(kernel::resolve(name, deadline)));
  }
  return there;
}

std::vector<std::string> to_argv(const OtherKernels& kernels) {
  std::vector<std::string> argv;
  for (const auto& [name, image] : kernels) {
    argv.push_back(fmt::format("--other-kernel={}={}", name, image.path.string()));
  }
  return argv;
}

Result<OtherKernels> other_kernels_from(const std::vector<std::string>& words, const Deadline& deadline) {
  OtherKernels there;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) return usage_error(fmt::format("--other-kernel {} is not NAME=PATH", word));
    there.emplace(word.substr(0, equals), TRY(kernel::resolve(word.substr(equals + 1), deadline)));
  }
  return there;
}

std::optional<std::string> missing_for(const OtherKernel& wanted, const OtherKernels& there,
                                       const KernelImage& kernel_a) {
  const auto found = there.find(wanted.name);
  if (found == there.end()) return fmt::format("there is no kernel '{}'; build it: {}", wanted.name, wanted.build);
  const KernelImage& image = found->second;
  if (auto missing = missing_for(wanted.level, image)) return fmt::format("kernel '{}': {}", wanted.name, *missing);
  const bool has = !wanted.lacks.empty() && image.config && !first_missing({{wanted.lacks, ""}}, image);
  if (has) {
    return fmt::format("kernel '{}' was built with CONFIG_{}; without it: {}", wanted.name, wanted.lacks, wanted.build);
  }
  if (!wanted.must_understand_kernel_a || (!image.origin.empty() && image.origin == kernel_a.origin))
    return std::nullopt;
  const auto origin = [](const KernelImage& kernel) { return kernel.origin.empty() ? "unknown" : kernel.origin; };
  return fmt::format(
      "kernel '{}' is not bound to understand what kernel A preserves, since they are of different origin: {} and {}",
      wanted.name, origin(image), origin(kernel_a));
}

}  // namespace holdfast
