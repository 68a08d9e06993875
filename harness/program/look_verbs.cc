// What do `holdfast list` and `holdfast check` do? They look, and change nothing.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "harness/base/text.h"
#include "harness/checkup.h"
#include "harness/kernel/data_dir.h"
#include "harness/kernel/kernel_verbs.h"
#include "harness/kernel_choice.h"
#include "harness/listing.h"
#include "harness/program/machines.h"
#include "harness/program/program.h"
#include "lab/qemu/check.h"

namespace holdfast {

Result<int> list_verb(Program& program, const ListOptions& options) {
  const std::vector<std::string> known{"cases", "targets", "devices", "kernels"};
  Listing listing;
  if (options.what == "cases") {
    listing = list_cases(all_cases());
  } else if (options.what == "targets") {
    listing = list_targets(known_targets(1));
  } else if (options.what == "devices") {
    listing = list_devices(known_targets(1));
  } else if (options.what == "kernels") {
    listing = list_kernels(TRY(kernel::list()));
  } else {
    const auto close = nearest(options.what, known);
    return usage_error(fmt::format("there is no list of '{}'{}", options.what,
                                   close ? fmt::format("; did you mean '{}'?", *close) : ""))
        .because("give one of " + join(known, ", "));
  }
  if (options.json) {
    program.out.line(trim(listing.json));
  } else {
    reports::print_table(program.out, listing.rows);
  }
  return 0;
}

Result<int> check_verb(Program& program, const CheckOptions& options) {
  const auto targets = TRY(chosen_targets(options.targets, 1));
  auto findings = lab::check_qemu(accel_wish(options.machine), agent_path(), TRY(cache_dir()));
  const auto kernels = resolve_kernels(options.kernels, program.patience());
  findings.push_back(check_kernel("kernel", kernels ? Result<KernelImage>(kernels->a) : kernels.error()));
  if (kernels && !options.kernels.next_kernel.empty()) {
    findings.push_back(check_kernel("next kernel", kernels->b));
  }
  if (kernels) {
    const OtherKernels others = TRY(find_other_kernels(all_cases(), program.patience()));
    std::ranges::copy(check_other_kernels(all_cases(), others, kernels->a), std::back_inserter(findings));
  }
  reports::print_table(program.out, to_rows(targets.front().name, findings));
  return ready(findings) ? 0 : kExitUsage;
}

}  // namespace holdfast
