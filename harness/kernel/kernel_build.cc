// How does a kernel tree become a kernel in the store?
#include "harness/kernel/kernel_build.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/kernel/build_area.h"
#include "harness/kernel/disk_space.h"
#include "harness/kernel/kernel_tree.h"
#include "harness/kernel/mirror.h"
#include "harness/kernel/toolchain.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

/// Part of every key: a change to how kernels are built must not find those that were built otherwise.
constexpr std::string_view kRecipe = "allnoconfig bzImage 1";

/// How many commands a build of the usual fragment prints: an estimate until one has been counted.
constexpr uint64_t kUsualObjects = 1900;

/// All that is known before anything is copied.
struct Plan {
  std::string key;
  std::string compiler;
  BuildSource source;
  std::vector<std::vector<ConfigWish>> required;
  std::vector<std::vector<ConfigWish>> if_known;
};

/// Steps: look at the tree unless its key is known; read the fragments; ask the compiler for its name; digest it all.
Result<Plan> make_plan(const BuildRequest& request, const KernelStore& store, const Deadline& deadline) {
  Plan plan;
  plan.source = request.source;
  if (plan.source.key.empty()) {
    const KernelTree tree = TRY(look_at_tree(request.source.dir, store.cache(), TreeLook::kKey, deadline));
    plan.source.dir = tree.dir;
    plan.source.key = tree.key;
    plan.source.describe = fmt::format("tree {} ({})", tree.dir.string(), tree.describe);
  }
  Digest digest;
  for (const fs::path& fragment : request.config) plan.required.push_back(TRY(read_fragment(fragment)));
  for (const fs::path& fragment : request.config_if_known) plan.if_known.push_back(TRY(read_fragment(fragment)));
  TRY(require_build_tools());
  plan.compiler = TRY(compiler_identity(deadline));
  digest.add(fmt::format("{}\n{}\n{}\n{}\n", kRecipe, plan.source.key, plan.compiler, request.series.digest()));
  digest.add(to_fragment(merge(plan.required))).add("\n");
  digest.add(to_fragment(merge(plan.if_known)));
  plan.key = digest.hex();
  return plan;
}

/// The estimate for the next build: what the latest one counted.
uint64_t expected_objects(const KernelStore& store) {
  const auto kernels = store.list();
  const auto latest =
      std::max_element(kernels.begin(), kernels.end(),
                       [](const StoredKernel& a, const StoredKernel& b) { return a.built_at < b.built_at; });
  return latest != kernels.end() && latest->objects > 0 ? latest->objects : kUsualObjects;
}

bool asks_for_debug_info(const std::vector<ConfigWish>& wishes) {
  return std::any_of(wishes.begin(), wishes.end(), [](const ConfigWish& wish) {
    return wish.symbol.starts_with("CONFIG_DEBUG_INFO_DWARF") && wish.value == "y";
  });
}

/// Copies the tree into the area, makes sure that nobody changed it meanwhile, and puts the patches onto the copy.
Result<void> fill(const BuildArea& area, const Plan& plan, const BuildRequest& request, const KernelStore& store,
                  const Deadline& deadline, const ProgressSink& progress) {
  const bool own = request.source.key.empty();  // somebody's tree, who may be at work in it
  const KernelTree tree = TRY(look_at_tree(plan.source.dir, store.cache(), TreeLook::kFiles, deadline));
  area.clear_objects();
  // Measured: the objects of a guest kernel take 0.25 GB, with debug information some twenty times that.
  const uint64_t objects = (asks_for_debug_info(merge(plan.required)) ? 8 : 1) * uint64_t{800'000'000};
  const uint64_t copy = fs::exists(area.source() / "Makefile") ? 0 : tree.bytes;  // most of it is there already
  TRY(require_space(store.cache(), copy + objects, "build a kernel"));
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

/// What is asked of this tree: every required wish, and of the others those that it knows.
Result<std::vector<ConfigWish>> wishes_for(const Plan& plan, const fs::path& tree) {
  if (plan.if_known.empty()) return merge(plan.required);
  const auto symbols = TRY(kconfig_symbols(tree));
  std::vector<std::vector<ConfigWish>> all = {known_wishes(merge(plan.if_known), symbols)};
  all.insert(all.end(), plan.required.begin(), plan.required.end());
  return merge(all);
}

std::string now_utc() {
  return fmt::format("{:%FT%TZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

Result<void> copy_into(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::copy_file(from, to, failed);
  if (failed == std::errc::no_space_on_device) return disk_full(to.parent_path(), "store the kernel");
  if (failed) return system_error(fmt::format("copy {}", from.string()), failed.value());
  return {};
}

/// Puts the products into the store: image (looked at, so that no half one gets in), configuration, log, modules.
Result<StoredKernel> store_products(const BuildArea& area, const fs::path& log, bool modules, StoredKernel kernel,
                                    const KernelStore& store, const Deadline& deadline) {
  const fs::path staged = TRY(store.stage());
  TRY(copy_into(area.objects() / "arch/x86/boot/bzImage", staged / "bzImage"));
  TRY(copy_into(area.objects() / ".config", staged / "config"));
  if (modules) TRY(area.install_modules(staged / "modules", deadline));
  TRY(copy_into(log, staged / "build.log"));
  const KernelImage image = TRY(inspect_kernel(staged / "bzImage", store.cache(), deadline));
  kernel.release = image.release;
  kernel.build_id = image.build_id;
  kernel.built_at = now_utc();
  return store.publish(staged, std::move(kernel));
}

std::string describe_series(const BuildRequest& request) {
  if (request.series.empty()) return {};
  const std::string name = request.series_name.empty() ? request.series.origin.string() : request.series_name;
  return fmt::format("{}, {} {}", name, request.series.patches.size(),
                     request.series.patches.size() == 1 ? "patch" : "patches");
}

/// Steps: enter the area, and look again, for somebody may have built it while this one waited; fill it; clean,
/// configure, check for tools that only this configuration needs; compile; store.
Result<BuiltKernel> build_new(const Plan& plan, const BuildRequest& request, const KernelStore& store,
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
  const bool modules = std::any_of(config.begin(), config.end(), [](const auto& entry) { return entry.second == "m"; });
  StoredKernel kernel;
  kernel.objects = TRY(area.compile(modules, request.jobs, expected_objects(store), deadline, progress));
  kernel.key = plan.key;
  kernel.source = printable(plan.source.describe);
  kernel.series = printable(describe_series(request));
  kernel.compiler = printable(plan.compiler);
  kernel = TRY(store_products(area, log, modules, std::move(kernel), store, deadline));
  return BuiltKernel{.kernel = std::move(kernel), .built = true};
}

}  // namespace

Result<BuiltKernel> build_kernel(const BuildRequest& request, const KernelStore& store, const Deadline& deadline,
                                 const ProgressSink& progress) {
  if (!request.name.empty()) TRY(check_kernel_name(request.name));
  const Plan plan = TRY(make_plan(request, store, deadline));
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
