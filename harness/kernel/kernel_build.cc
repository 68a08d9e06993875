// How does a kernel tree become a kernel in the store?
#include "harness/kernel/kernel_build.h"

#include <fmt/format.h>

#include "harness/base/text.h"
#include "harness/kernel/build_area.h"
#include "harness/kernel/build_parts.h"
#include "harness/kernel/disk_space.h"
#include "harness/kernel/kernel_tree.h"
#include "harness/kernel/mirror.h"
#include "harness/kernel/toolchain.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

/// Copies the tree into the area, makes sure that nobody changed it meanwhile, and puts the patches onto the copy.
Result<void> fill(const BuildArea& area, const BuildPlan& plan, const BuildRequest& request, const KernelStore& store,
                  const Deadline& deadline, const ProgressSink& progress) {
  const bool own = request.source.key.empty();  // somebody's tree, who may be at work in it
  const KernelTree tree = TRY(look_at_tree(plan.source.dir, store.cache(), TreeLook::kFiles, deadline));
  area.clear_objects();
  const uint64_t copy = fs::exists(area.source() / "Makefile") ? 0 : tree.bytes;  // most of it is there already
  TRY(require_space(store.cache(), copy + room_for_objects(plan), "build a kernel"));
  TRY(mirror_tree(tree, area.source(), own ? CopyMode::kBytes : CopyMode::kLinks, deadline, progress));
  if (own) {
    const KernelTree after = TRY(look_at_tree(plan.source.dir, store.cache(), TreeLook::kKey, deadline));
    if (tree.key != plan.source.key || after.key != plan.source.key) {
      return usage_error(fmt::format("{} changed while it was copied", plan.source.dir.string()))
          .because("ask again when nothing writes into it");
    }
  }
  return apply_series(request.series, area.source(), deadline, progress);
}

std::string describe_series(const BuildRequest& request) {
  if (request.series.empty()) return {};
  const std::string name = request.series_name.empty() ? request.series.origin.string() : request.series_name;
  return fmt::format("{}, {} {}", name, request.series.patches.size(),
                     request.series.patches.size() == 1 ? "patch" : "patches");
}

/// Steps: enter the area, and look again, for somebody may have built it while this one waited; fill it; clean,
/// configure, check for tools that only this configuration needs; compile; store.
Result<BuiltKernel> build_new(const BuildPlan& plan, const BuildRequest& request, const KernelStore& store,
                              const Deadline& deadline, const ProgressSink& progress) {
  const std::string label = request.name.empty() ? plan.key.substr(0, 12) : request.name;
  const fs::path log = store.cache() / "logs" / fmt::format("{}.log", plan.key.substr(0, 12));
  const BuildArea area =
      TRY(BuildArea::enter(store.cache(), fmt::format("builds the kernel {}", label), log, deadline, progress));
  if (auto there = store.by_key(plan.key)) return BuiltKernel{.kernel = *std::move(there), .built = false};
  store.clear_staging();
  TRY(fill(area, plan, request, store, deadline, progress));
  TRY(area.clean(deadline, progress));
  const auto wishes = TRY(wishes_for(plan, area.source()));
  const KernelConfig config = TRY(area.configure(wishes, deadline, progress));
  TRY(require_tools_for(config, deadline));
  StoredKernel kernel;
  kernel.objects = TRY(area.compile(
      {.modules = has_modules(config), .jobs = request.jobs, .expected = expected_objects(store)}, deadline, progress));
  kernel.key = plan.key;
  kernel.source = printable(plan.source.describe);
  kernel.series = printable(describe_series(request));
  kernel.compiler = printable(plan.compiler);
  kernel = TRY(store_products(area, TRY(store.stage()), std::move(kernel), store, deadline));
  return BuiltKernel{.kernel = std::move(kernel), .built = true};
}

}  // namespace

Result<BuiltKernel> build_kernel(const BuildRequest& request, const KernelStore& store, const Deadline& deadline,
                                 const ProgressSink& progress) {
  if (!request.name.empty()) TRY(check_kernel_name(request.name));
  const BuildPlan plan = TRY(plan_build(request, store, deadline));
  BuiltKernel built;
  if (auto there = store.by_key(plan.key)) {
    built.kernel = *std::move(there);
  } else {
    // Before the long work: a series that does not apply is known at once.
    TRY(check_series(request.series, plan.source.dir, deadline));
    built = TRY(build_new(plan, request, store, deadline, progress));
  }
  if (request.name.empty()) return built;
  TRY(store.give_name(request.name, plan.key));
  built.kernel = store.by_key(plan.key).value_or(built.kernel);
  return built;
}

}  // namespace holdfast
