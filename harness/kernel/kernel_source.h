// Where does a kernel tree come from when nobody gives one?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/kernel/patch_series.h"
#include "harness/kernel/progress.h"

namespace holdfast {

/// A kernel source package of Debian's, unpacked in the cache: <cache>/sources/<package>_<version>/{tree,package}.
struct FetchedSource {
  std::string package;  ///< "linux-source-7.3"
  std::string version;  ///< "7.3.4-1~bpo13+1"
  std::filesystem::path tree;
  std::string key;                 ///< stands for the content: package, version and the digest of the .deb
  bool downloaded = false;         ///< now, and not at an earlier time
  std::vector<std::string> notes;  ///< what a reader should know: newer ones passed over, a mirror not reached

  std::string describe() const;  ///< "Debian linux-source-7.3 7.3.4-1~bpo13+1"
};

/// What to fetch, and from where.
struct FetchPlan {
  std::filesystem::path cache;
  PatchSeries series;                          ///< the newest source that these patches apply to
  std::filesystem::path etc_apt = "/etc/apt";  ///< where the system says which mirror it uses
  std::string suite = "trixie-backports";
};

/// The whole sources in the cache, the newest kernel first.
std::vector<FetchedSource> fetched_sources(const std::filesystem::path& cache);

/// The newest fetched source that `series` applies to. Errors: harness.usage when there is none, saying for each why.
Result<FetchedSource> newest_fetched(const std::filesystem::path& cache, const PatchSeries& series,
                                     const Deadline& deadline);

/// Asks the mirror for its kernel sources and makes sure that the newest one that the series applies to is in the
/// cache. When the mirror cannot be reached and a fitting one is there already, that one is taken, with a note. An
/// interrupted call leaves nothing that the next would take for whole. Errors: those of PrivateApt; lab.disk;
/// harness.usage when the series applies to none.
Result<FetchedSource> fetch_source(const FetchPlan& plan, const Deadline& deadline, const ProgressSink& progress);

}  // namespace holdfast
