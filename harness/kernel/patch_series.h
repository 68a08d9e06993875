// Which patches are to go onto a kernel tree, and do they apply?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/kernel/progress.h"

namespace holdfast {

/// One patch: what to call it and the text, as diff with whatever stands before it.
struct Patch {
  std::string name;  ///< a file's name, or the subject of a mail
  std::string text;
};

/// Patches in the order in which they apply.
struct PatchSeries {
  std::filesystem::path origin;  ///< empty: no series
  std::vector<Patch> patches;
  bool empty() const { return patches.empty(); }
  /// A digest of all the texts; of nothing for an empty series.
  std::string digest() const;
};

/// Reads a folder (with a quilt `series` file, else its *.patch and *.diff in alphabetical order), an mbox with one or
/// more patches (cover letters and replies are passed over), or a single patch. Mails that are encoded are decoded by
/// git. Errors: harness.usage when there is no patch, or the series file names one that is not there; lab.tool.
Result<PatchSeries> read_series(const std::filesystem::path& path, const Deadline& deadline);

/// Applies the patches to `tree`, which it may change. Exact context only: a patch that fits with an offset applies,
/// one that needs guessing does not. Errors: harness.usage naming the patch, the hunk, the file and line; lab.tool.
Result<void> apply_series(const PatchSeries& series, const std::filesystem::path& tree, const Deadline& deadline,
                          const ProgressSink& progress = {});

/// As apply_series, but on a copy of the files that the patches touch; `tree` is only read.
Result<void> check_series(const PatchSeries& series, const std::filesystem::path& tree, const Deadline& deadline);

/// The paths that a patch reads or writes, without their first folder (a/, b/).
std::vector<std::string> touched_files(std::string_view patch);

}  // namespace holdfast
