// What do all ways of building a kernel share: what is asked for, and what goes into the store?
#include "harness/kernel/build_parts.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/kernel/disk_space.h"
#include "harness/kernel/kernel_tree.h"
#include "harness/kernel/toolchain.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

/// Part of every key: a change to how kernels are built must not find those that were built otherwise.
constexpr std::string_view kRecipe = "allnoconfig bzImage 1";

/// How many commands a build of the usual fragment prints: an estimate until one has been counted.
constexpr uint64_t kUsualObjects = 1900;

bool asks_for_debug_info(const std::vector<ConfigWish>& wishes) {
  return std::any_of(wishes.begin(), wishes.end(), [](const ConfigWish& wish) {
    return wish.symbol.starts_with("CONFIG_DEBUG_INFO_DWARF") && wish.value == "y";
  });
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

}  // namespace

// Steps: look at the tree unless its key is known; read the fragments; ask the compiler for its name; digest it all.
Result<BuildPlan> plan_build(const BuildRequest& request, const KernelStore& store, const Deadline& deadline) {
  BuildPlan plan;
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

// What the latest one counted.
uint64_t expected_objects(const KernelStore& store) {
  const auto kernels = store.list();
  const auto latest =
      std::max_element(kernels.begin(), kernels.end(),
                       [](const StoredKernel& a, const StoredKernel& b) { return a.built_at < b.built_at; });
  return latest != kernels.end() && latest->objects > 0 ? latest->objects : kUsualObjects;
}

Result<std::vector<ConfigWish>> wishes_for(const BuildPlan& plan, const fs::path& tree) {
  if (plan.if_known.empty()) return merge(plan.required);
  const auto symbols = TRY(kconfig_symbols(tree));
  std::vector<std::vector<ConfigWish>> all = {known_wishes(merge(plan.if_known), symbols)};
  all.insert(all.end(), plan.required.begin(), plan.required.end());
  return merge(all);
}

uint64_t room_for_objects(const BuildPlan& plan) {
  // Measured: the objects of a guest kernel take 0.25 GB, with debug information some twenty times that.
  return (asks_for_debug_info(merge(plan.required)) ? 8 : 1) * uint64_t{800'000'000};
}

bool has_modules(const KernelConfig& config) {
  return std::ranges::any_of(config, [](const auto& entry) { return entry.second == "m"; });
}

Result<StoredKernel> store_products(const BuildArea& area, const fs::path& staged, StoredKernel kernel,
                                    const KernelStore& store, const Deadline& deadline) {
  TRY(copy_into(area.objects() / "arch/x86/boot/bzImage", staged / "bzImage"));
  TRY(copy_into(area.objects() / ".config", staged / "config"));
  const KernelConfig config = parse_config(TRY(read_file(staged / "config")));
  if (has_modules(config)) TRY(area.install_modules(staged / "modules", deadline));
  TRY(copy_into(area.log(), staged / "build.log"));
  const KernelImage image = TRY(inspect_kernel(staged / "bzImage", store.cache(), deadline));
  kernel.release = image.release;
  kernel.build_id = image.build_id;
  kernel.built_at = now_utc();
  return store.publish(staged, std::move(kernel));
}

}  // namespace holdfast
