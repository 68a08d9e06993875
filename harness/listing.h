// What is there to choose from: cases, targets, devices, kernels?
#pragma once

#include <string>
#include <vector>

#include "harness/case_registry.h"
#include "harness/kernel/kernel_store.h"
#include "harness/plan.h"

namespace holdfast {

/// The same list for people (rows of cells, the first is the heading) and for programs (a JSON array of objects).
struct Listing {
  std::vector<std::vector<std::string>> rows;
  std::string json;
};

Listing list_cases(const std::vector<CaseInfo>& cases);
Listing list_targets(const std::vector<TargetProfile>& targets);
Listing list_devices(const std::vector<TargetProfile>& targets);
Listing list_kernels(const std::vector<StoredKernel>& kernels);
/// What a run would do, for --dry-run.
Listing list_plan(const Plan& plan);

/// What stands in the listing's column of names, "a,b" being two: what a user can give to a flag. Each once, in order.
std::vector<std::string> names_in(const Listing& listing);

/// A table's rows as JSON: an object for each, its members named by the heading, in small letters.
std::string rows_as_json(const std::vector<std::vector<std::string>>& rows);

}  // namespace holdfast
