// What do all ways of building a kernel share: what is asked for, and what goes into the store?
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/kernel/build_area.h"
#include "harness/kernel/kernel_build.h"

namespace holdfast {

/// All that is known before anything is copied.
struct BuildPlan {
  std::string key;  ///< of the kernel in the store
  std::string compiler;
  BuildSource source;
  std::vector<std::vector<ConfigWish>> required;
  std::vector<std::vector<ConfigWish>> if_known;
};

/// Looks at the tree unless its key is known, reads the fragments and asks the compiler for its name.
Result<BuildPlan> plan_build(const BuildRequest& request, const KernelStore& store, const Deadline& deadline);

/// How many commands the next build from nothing will take: an estimate.
uint64_t expected_objects(const KernelStore& store);

/// What is asked of this tree: every required wish, and of the others those that it knows.
Result<std::vector<ConfigWish>> wishes_for(const BuildPlan& plan, const std::filesystem::path& tree);

/// In bytes.
uint64_t room_for_objects(const BuildPlan& plan);

bool has_modules(const KernelConfig& config);

/// Puts the products into the store by way of the folder `staged`: image (looked at, so that no half one gets in),
/// configuration, log, modules.
Result<StoredKernel> store_products(const BuildArea& area, const std::filesystem::path& staged, StoredKernel kernel,
                                    const KernelStore& store, const Deadline& deadline);

}  // namespace holdfast
