// What does the plan of a night say? lab/nightly/README.md has all its keys.
//
// Plain data: which kernels, on which machines, which cases, for how long, and who is told. night_reader.cc reads it,
// jobs.h makes of it what is run.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace holdfast::lab {

/// A kernel under the name that entries and reports know it by, from night to night, whatever is in it.
struct NightKernel {
  enum class Kind {
    kStored,   ///< a name of `holdfast kernel list` or a path to a bzImage
    kBranch,   ///< of a git tree: fetched and built
    kPackage,  ///< a Debian package with an image: a .deb, or a name that apt knows
  };
  std::string name;
  Kind kind = Kind::kStored;
  std::string kernel = {};                          ///< kStored; empty: the reference kernel
  std::filesystem::path modules = {};               ///< kStored: folder with its modules, or empty
  std::filesystem::path tree = {};                  ///< kBranch
  std::string branch = {};                          ///< kBranch: a revision of the tree
  std::string remote = {};                          ///< kBranch: fetched before; empty: nothing is
  std::string series = {};                          ///< kBranch: as `kernel build --series`; empty: none
  std::vector<std::filesystem::path> configs = {};  ///< kBranch: fragments added to the guest's own
  std::string package = {};                         ///< kPackage: a name, or an absolute path
  std::string declared_at = {};
};

/// Cases on machines: a matrix of its own.
struct NightEntry {
  std::string name;
  std::vector<std::string> kernels = {};       ///< names of kernels; empty: what the machines run without a plan
  std::vector<std::string> next_kernels = {};  ///< each of `kernels` goes to each of these; empty: each to itself
  std::vector<std::string> hosts = {};    ///< names of targets, and "tag:WORD" for all that have it; empty: as `run`
  std::vector<std::string> devices = {};  ///< roles or addresses; empty: as the cases wish
  std::string cases = "*";                ///< as --filter
  std::string append = {};
  std::string next_append = {};
  int repeat = 1;
  int retry_infra = 1;
  int soak = 0;  ///< live updates in a row in each case of the suite Soak; 0: as many as they do by themselves
  double timeout_scale = 1.0;
  std::optional<std::chrono::seconds> budget = {};
  std::string declared_at = {};
  std::string hosts_at = {};    ///< where the key stands, or the entry
  std::string devices_at = {};  ///< likewise
  std::string cases_at = {};    ///< likewise
};

/// A failure that is known, for a time.
struct KnownFailure {
  std::string cases;                 ///< as --filter: "Preserve.*", "Retrieve.DeviceComesBack/e1000e"
  std::string host = {};             ///< empty: any
  std::string kernel = {};           ///< a name of the plan's, as kernel A or B; empty: any
  std::string type = {};             ///< "kernel.oops"; empty: any failure
  std::string fingerprint = {};      ///< of the crash; empty: any
  std::chrono::sys_days until = {};  ///< the last day on which it holds, UTC
  std::string reason = {};
  std::string declared_at = {};
};

/// Which of the nights that are over stay. Nothing is removed unless one of them is set.
struct Retention {
  int nights = 0;  ///< the newest so many; 0: any number
  int days = 0;    ///< those that are not older; 0: of any age
};

/// Who is told what came of the night, and when.
struct NightReport {
  enum class When {
    kAlways,
    kProblems,  ///< whenever something failed, or could not be judged
    kNews,      ///< only when something is otherwise than the night before
  };
  std::vector<std::string> mail = {};                                      ///< addresses
  std::string from = {};                                                   ///< empty: the mail system's own
  std::vector<std::string> sendmail = {"/usr/sbin/sendmail", "-t", "-i"};  ///< reads the mail with its headers
  std::vector<std::vector<std::string>> commands = {};                     ///< each reads the text
  std::filesystem::path site = {};                                         ///< where the pages go, or empty
  When when = When::kAlways;
};

struct NightPlan {
  std::string name = "nightly";  ///< nights of one name are compared with each other
  std::string text = {};         ///< of the file, as it was read
  std::optional<std::chrono::seconds> budget = {};
  int runs_at_once = 8;  ///< at most so many runs side by side
  std::vector<NightKernel> kernels = {};
  std::vector<NightEntry> entries = {};
  std::vector<KnownFailure> known_failures = {};
  Retention keep = {};
  NightReport report = {};
};

/// Reads TOML, strictly: what is not meant here is an error (harness.usage) that says where it stands, as
/// file:line:column, and which known key or name is nearest. `name` is what the text is called in errors, and what is
/// relative in it is relative to the folder of that file. Touches nothing.
Result<NightPlan> parse_night_plan(std::string_view text, const std::string& name);

/// The same from a file.
Result<NightPlan> read_night_plan(const std::filesystem::path& file);

}  // namespace holdfast::lab
