// What did each case come to in each run, seen from the case and from the host? Private to this folder.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "reports/history/run_results.h"

namespace holdfast::reports {

/// One result of a case.
struct SiteResult {
  const RunResults* run = nullptr;
  const CaseSettled* settled = nullptr;
};

/// Results by suite, the newest first.
using SiteCase = std::map<std::string, std::vector<SiteResult>>;

struct SiteHistory {
  std::vector<const RunResults*> runs;                           ///< the newest first
  std::map<std::string, SiteCase> cases;                         ///< by CaseId::key()
  std::map<std::string, std::map<std::string, SiteCase>> hosts;  ///< by target, then by case
};

/// `runs` are ordered by begin and outlive it.
SiteHistory site_history(const std::vector<RunResults>& runs);

/// The worst that a run has among results, or nothing when it has none.
const SiteResult* worst_of(const SiteCase& results, const RunResults& run);

/// "case-Preserve.DeviceKeepsItsAddress-e1000e.html": the same as long as the name is, and no other name's.
std::string page_name(const char* kind, const std::string& name);

}  // namespace holdfast::reports
