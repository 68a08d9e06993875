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
#include "harness/program/custodians.h"
#include "harness/program/leftovers.h"
#include "harness/program/machines.h"
#include "harness/program/program.h"
#include "lab/passthrough/local_listing.h"
#include "lab/passthrough/passthrough_check.h"
#include "lab/profiles.h"
#include "lab/qemu/check.h"

namespace holdfast {

namespace {

int show(Program& program, const Listing& listing, const ListOptions& options) {
  if (options.json) {
    program.out.text(listing.json);
  } else if (options.names) {
    for (const std::string& name : names_in(listing)) program.out.line(name);
  } else {
    reports::print_table(program.out, listing.rows);
  }
  return 0;
}

}  // namespace

Result<int> list_verb(Program& program, const ListOptions& options) {
  if (options.local) {
    if (options.what == "devices") {
      return show(program, lab::list_local_devices(TRY(lab::look_at_machine())), options);
    }
    return usage_error("--local goes with devices only").because("give `holdfast list devices --local`");
  }
  const lab::Inventory inventory = TRY(lab::read_inventory(options.lab));
  auto machines = known_machines(inventory, {}, 1);
  place_passed(machines);
  const auto targets = profiles_of(machines);
  const std::vector<std::string> known{"cases", "targets", "devices", "kernels"};
  Listing listing;
  if (options.what == "cases") {
    listing = list_cases(all_cases());
  } else if (options.what == "targets") {
    listing = list_targets(targets);
  } else if (options.what == "devices") {
    listing = list_devices(targets);
  } else if (options.what == "kernels") {
    listing = list_kernels(TRY(kernel::list()));
  } else {
    const auto close = nearest(options.what, known);
    return usage_error(fmt::format("there is no list of '{}'{}", options.what,
                                   close ? fmt::format("; did you mean '{}'?", *close) : ""))
        .because("give one of " + join(known, ", "));
  }
  return show(program, listing, options);
}

namespace {

/// Kernels A and B, and those that single cases go to.
Result<std::vector<Finding>> check_kernels(const KernelOptions& chosen, const Deadline& deadline) {
  std::vector<Finding> findings;
  const auto kernels = resolve_kernels(chosen, deadline);
  findings.push_back(check_kernel("kernel", kernels ? Result<KernelImage>(kernels->a) : kernels.error()));
  if (!kernels) return findings;
  if (!chosen.next_kernel.empty()) findings.push_back(check_kernel("next kernel", kernels->b));
  const OtherKernels others = TRY(find_other_kernels(all_cases(), deadline));
  std::ranges::copy(check_other_kernels(all_cases(), others, kernels->a), std::back_inserter(findings));
  return findings;
}

/// What the inventory says of it, and when that can be used, what the host says itself.
Result<std::vector<Finding>> check_host(const lab::Host& host, const lab::Inventory& inventory,
                                        const Deadline& deadline) {
  std::vector<Finding> findings = lab::check_declaration(host, all_cases());
  if (!ready(findings)) return findings;
  const lab::Lab lab = TRY(lab::open_lab(inventory.leases));
  std::ranges::move(TRY(look_at_host(host, lab, deadline)), std::back_inserter(findings));
  return findings;
}

Result<std::vector<Finding>> check_machine(const Machine& machine, const lab::Inventory& inventory,
                                           const CheckOptions& options, const Deadline& deadline) {
  std::vector<Finding> findings = machine.host != nullptr
                                      ? TRY(check_host(*machine.host, inventory, deadline))
                                      : lab::check_qemu(accel_wish(machine.vm), agent_path(), TRY(cache_dir()));
  if (machine.declared != nullptr && machine.declared->takes_devices()) {
    const auto more = TRY(lab::check_passthrough(*machine.declared, TRY(taking_place()), deadline));
    std::ranges::copy(more, std::back_inserter(findings));
  }
  std::ranges::move(TRY(check_kernels(kernels_for(machine, options.kernels), deadline)), std::back_inserter(findings));
  return findings;
}

/// Hosts are found and brought back first: their leases are taken over with what they say of who had them.
Result<int> clean(Program& program, const lab::Inventory& inventory, const std::vector<Machine>& machines,
                  const CheckOptions& options) {
  const auto patience = program.patience();
  auto hosts = clean_up(TRY(find_left_hosts(machines, inventory, program)), options.dry_run, patience);
  const auto others = clean_up(find_leftovers(inventory, options), options.dry_run, patience);
  hosts.rows.insert(hosts.rows.end(), others.rows.begin() + 1, others.rows.end());  // one heading
  if (hosts.rows.size() == 1) {
    program.out.line("dead runs left nothing behind");
  } else {
    reports::print_table(program.out, hosts.rows);
  }
  return hosts.complete && others.complete ? 0 : kExitUsage;
}

/// Behind what a run needs: what others left does not keep it from starting.
void tell_leftovers(Program& program, const std::vector<Leftover>& leftovers) {
  if (leftovers.empty()) return;
  std::vector<std::vector<std::string>> rows{{"LEFT BEHIND", "WHOSE"}};
  for (const Leftover& one : leftovers) rows.push_back({one.what, one.clean ? one.whose : one.whose + "; " + one.done});
  program.out.line("");
  reports::print_table(program.out, rows);
  if (std::ranges::any_of(leftovers, [](const Leftover& one) { return static_cast<bool>(one.clean); })) {
    program.out.line("mend: holdfast check --clean");
  }
}

}  // namespace

Result<int> check_verb(Program& program, const CheckOptions& options) {
  const lab::Inventory inventory = TRY(lab::read_inventory(options.lab));
  const auto machines = TRY(chosen_machines(known_machines(inventory, options.machine), options.targets));
  if (options.clean) return clean(program, inventory, machines, options);
  bool all_ready = true;
  std::vector<std::vector<std::string>> rows;
  for (const Machine& machine : machines) {
    const auto findings = TRY(check_machine(machine, inventory, options, program.patience()));
    all_ready = all_ready && ready(findings);
    const auto more = to_rows(machine.profile.name, findings);
    rows.insert(rows.end(), rows.empty() ? more.begin() : more.begin() + 1, more.end());  // one heading
  }
  reports::print_table(program.out, rows);
  tell_leftovers(program, find_leftovers(inventory, options));
  return all_ready ? 0 : kExitUsage;
}

}  // namespace holdfast
