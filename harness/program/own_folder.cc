// Where does a run go on that was cut off, and who else may be there?
//
// Every run has its folder for itself: a lock in it ends with the process, however that ends, so that a run that is
// dead can be told from one that goes on. What the user asked for stands beside the journal, in settings.json.
#include "harness/program/own_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "harness/base/digest.h"
#include "harness/base/text.h"
#include "harness/options/saved_options.h"
#include "reports/artifacts.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr Millis kLookAgain{1000};
constexpr Millis kLook{300};
constexpr const char* kLock = "lock";
constexpr const char* kSettings = "settings.json";
/// What a call that resumes a run may say besides.
constexpr std::array<std::string_view, 10> kBesideResume{
    "--resume", "--out", "--rerun-interrupted", "--accept-changes", "--quiet", "--verbose", "--dry-run", "-q",
    "-v",       "--jobs"};

/// Who takes a run to be dead may be wrong: the one that still lives ends what it has begun first.
Result<FileLock> lock_of(const fs::path& dir, Program& program) {
  bool told = false;
  while (true) {
    if (auto lock = TRY(FileLock::try_take(dir / kLock))) return *std::move(lock);
    if (!told) program.err.line(fmt::format("waiting for the run that is still going on in {}", dir.string()));
    told = true;
    const Wake wake = wait_until(program.patience().at_most(kLookAgain));
    if (wake == Wake::kStopped) return wait_error(wake, fmt::format("the run in {}", dir.string()));
  }
}

/// `holdfast check` may be looking at it just now: that takes no time worth telling.
Result<FileLock> lock_of_dead(const fs::path& dir) {
  const Deadline soon = Deadline::after(kLook);
  do {
    if (auto lock = TRY(FileLock::try_take(dir / kLock))) return *std::move(lock);
    wait_until(soon.at_most(Millis(20)));
  } while (!soon.expired());
  return usage_error(fmt::format("the run in {} is still going on", dir.string()))
      .because("wait for its end, or interrupt it first");
}

Result<OwnFolder> make_own_folder(const RunOptions& options) {
  std::string id = random_hex(3);
  const auto stamp = reports::folder_stamp(std::chrono::system_clock::now());
  const fs::path dir = TRY(reports::create_run_folder(fs::absolute(options.out), stamp, id));
  FileLock lock = TRY(lock_of_dead(dir));
  return OwnFolder{.dir = dir, .lock = std::move(lock), .run_id = std::move(id)};
}

fs::path folder_in(const RunOptions& options) { return fs::absolute(options.continue_dir).lexically_normal(); }

/// As the two ways of going on differ: what was cut off by chance is tried again; what a person resumes is counted as
/// it was.
reports::TakeUp completed(reports::TakeUp how, const RunOptions& options) {
  how.errors_again = !options.resumed;
  how.interrupted_again = options.rerun_interrupted;
  if (options.accept_changes) how.same.clear();
  if (options.resumed) how.otherwise = "give --accept-changes and mix the two";
  return how;
}

Result<fs::path> folder_of_run(const RunOptions& options) {
  std::error_code missing;
  std::vector<std::string> known;
  for (const auto& entry : fs::directory_iterator(options.out, missing)) {
    known.push_back(entry.path().filename().string());
  }
  for (const fs::path& dir : {options.out / options.resume, fs::path(options.resume)}) {
    if (!fs::is_directory(dir, missing)) continue;
    const fs::path whole = fs::canonical(dir, missing);  // `latest` may come to mean another one
    if (!missing) return whole;
  }
  const auto close = nearest(options.resume, known);
  return usage_error(fmt::format("there is no run {} in {}{}", options.resume, options.out.string(),
                                 close ? fmt::format("; did you mean '{}'?", *close) : ""))
      .because("name its folder, or `latest`; --out DIR says where runs are");
}

Result<void> refuse_other_flags(const Program& program) {
  for (const std::string& word : program.argv) {
    const std::string name = word.substr(0, word.find('='));
    if (!name.starts_with("-") || std::ranges::find(kBesideResume, name) != kBesideResume.end()) continue;
    return usage_error(fmt::format("{} cannot be given with --resume: the run's own settings count", name))
        .because("leave it out; `holdfast run --continue DIR` goes on with settings of the command line");
  }
  return {};
}

}  // namespace

Result<OwnFolder> open_own_folder(const RunOptions& options, reports::TakeUp how, Program& program) {
  if (options.continue_dir.empty()) {
    OwnFolder own = TRY(make_own_folder(options));
    TRY(write_file_atomic(own.dir / kSettings, to_json(options)));
    return own;
  }
  const fs::path dir = folder_in(options);
  TRY(make_dirs(dir));
  FileLock lock = TRY(options.resumed ? lock_of_dead(dir) : lock_of(dir, program));
  auto left = TRY(reports::take_up(dir, completed(std::move(how), options)));
  if (!options.resumed) TRY(write_file_atomic(dir / kSettings, to_json(options)));
  OwnFolder own{.dir = dir, .lock = std::move(lock), .run_id = left ? left->run_id : random_hex(3)};
  own.left = std::move(left);
  return own;
}

Result<std::optional<reports::Continuation>> look_at_folder(const RunOptions& options, reports::TakeUp how) {
  if (options.continue_dir.empty()) return std::optional<reports::Continuation>();
  return reports::look_up(folder_in(options), completed(std::move(how), options));
}

Result<RunOptions> options_of_run(const RunOptions& options, const Program& program) {
  TRY(refuse_other_flags(program));
  const fs::path dir = TRY(folder_of_run(options));
  std::error_code ignored;
  if (!fs::exists(dir / kSettings, ignored)) {
    return usage_error(fmt::format("{} holds no run that knows its settings: there is no {}", dir.string(), kSettings))
        .because("`holdfast run --continue DIR` goes on there with settings of the command line");
  }
  RunOptions run = TRY_IN((dir / kSettings).string(), saved_options(TRY(read_file(dir / kSettings))));
  run.continue_dir = dir;
  run.resumed = true;
  run.out = dir.parent_path();
  run.rerun_interrupted = options.rerun_interrupted;
  run.accept_changes = options.accept_changes;
  run.dry_run = options.dry_run;
  run.verbosity = options.verbosity;
  if (options.jobs > 0) run.jobs = options.jobs;
  return run;
}

}  // namespace holdfast
