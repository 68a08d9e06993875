// How does a bisection get the files of one commit after the other without touching the user's repository?
#include "harness/bisect/checkout.h"

#include <fmt/format.h>

#include "harness/base/digest.h"
#include "harness/base/process.h"
#include "harness/base/text.h"

namespace holdfast::bisect {
namespace fs = std::filesystem;
namespace {

constexpr Millis kGitLimit = std::chrono::minutes(10);

/// Runs git in `dir`, without hooks, without asking anybody and without reaching for the network.
Result<Output> git(const fs::path& dir, std::vector<std::string> arguments, const Deadline& deadline) {
  std::vector<std::string> argv = {"env", "-u", "GIT_DIR",   "-u", "GIT_WORK_TREE", "-u", "GIT_INDEX_FILE",
                                   "git", "-C", dir.string()};
  for (const char* setting : {"safe.directory=*", "core.hooksPath=/dev/null", "core.fsmonitor=false",
                              "advice.detachedHead=false", "commit.gpgSign=false", "gc.auto=0"}) {
    argv.insert(argv.end(), {"-c", setting});
  }
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  Command command{.argv = std::move(argv)};
  command.env = {{"LC_ALL", "C"},
                 {"GIT_NO_LAZY_FETCH", "1"},
                 {"GIT_TERMINAL_PROMPT", "0"},
                 {"GIT_OPTIONAL_LOCKS", "0"},
                 {"GIT_EDITOR", "true"},
                 {"GIT_AUTHOR_NAME", "holdfast"},
                 {"GIT_AUTHOR_EMAIL", "holdfast@localhost"},
                 {"GIT_COMMITTER_NAME", "holdfast"},
                 {"GIT_COMMITTER_EMAIL", "holdfast@localhost"}};
  return run(std::move(command), deadline.at_most(kGitLimit), {}, size_t{64} << 20);
}

Result<std::string> ask(const fs::path& dir, std::vector<std::string> arguments, const Deadline& deadline) {
  const std::string verb = arguments[0];
  Output said = TRY(git(dir, std::move(arguments), deadline));
  if (said.status.success()) return std::move(said.out);
  return lab_error("git", fmt::format("git {} in {}: {}", verb, dir.string(), trim(last_lines(said.err, 1))))
      .with("git", said.err);
}

/// Checkouts whose lock nobody holds are those of programs that were killed.
void remove_abandoned(const fs::path& folder) {
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored); entry != fs::directory_iterator(); entry.increment(ignored)) {
    if (ignored) return;
    if (entry->path().extension() != ".lock") continue;
    const auto lock = FileLock::try_take(entry->path());
    if (!lock || !*lock) continue;
    fs::path dir = entry->path();
    fs::remove_all(dir.replace_extension(), ignored);
    fs::remove(entry->path(), ignored);
  }
}

Commit commit_from(std::string_view line) {
  const auto fields = split(line, '\x1f');
  Commit commit{.id = std::string(fields[0]), .parents = {}};
  if (fields.size() > 1) {
    for (const std::string_view parent : split(trim(fields[1]), ' ')) {
      if (!parent.empty()) commit.parents.emplace_back(parent);
    }
  }
  if (fields.size() > 2) commit.subject = printable(fields[2]);
  return commit;
}

constexpr const char* kLogFormat = "--format=%H%x1f%P%x1f%s";

}  // namespace

Result<Checkout> Checkout::open(const fs::path& tree, const fs::path& cache, const Deadline& deadline) {
  const std::string common = TRY(ask(tree, {"rev-parse", "--path-format=absolute", "--git-common-dir"}, deadline));
  const fs::path folder = cache / "bisect";
  TRY(make_dirs(folder));
  remove_abandoned(folder);
  const fs::path dir = folder / fmt::format("tree-{}", random_hex(6));
  const fs::path lock_file = dir.string() + ".lock";
  auto lock = TRY(FileLock::try_take(lock_file));
  if (!lock) return lab_error("lock", fmt::format("{} is held by somebody else", lock_file.string()));
  Checkout checkout(*std::move(lock), lock_file, dir);
  TRY(make_dirs(dir));
  TRY(ask(dir, {"init", "--quiet"}, deadline));
  const fs::path objects = fs::path(trim(common)) / "objects";
  TRY(make_dirs(dir / ".git/objects/info"));
  TRY(write_file(dir / ".git/objects/info/alternates", objects.string() + "\n"));
  return checkout;
}

Checkout::~Checkout() {
  if (dir_.empty()) return;  // moved from
  std::error_code ignored;
  fs::remove_all(dir_, ignored);
  fs::remove(lock_file_, ignored);
}

Result<void> Checkout::go_to(const std::string& commit, const Deadline& deadline) const {
  // What an interrupted revert left, and then every file of the tree. Nothing else is ever written into it.
  TRY(git(dir_, {"revert", "--quit"}, deadline));
  TRY(ask(dir_, {"checkout", "--quiet", "--force", "--detach", commit}, deadline));
  TRY(ask(dir_, {"clean", "--quiet", "-fdx"}, deadline));
  return {};
}

Result<bool> Checkout::revert(const std::string& commit, const Deadline& deadline) const {
  // Of a merge, what it brought into the line that it was merged into.
  const std::string parents = TRY(ask(dir_, {"show", "--no-patch", "--format=%P", commit}, deadline));
  std::vector<std::string> arguments = {"revert", "--no-edit"};
  if (split(trim(parents), ' ').size() > 1) arguments.insert(arguments.end(), {"-m", "1"});
  arguments.push_back(commit);
  return TRY(git(dir_, std::move(arguments), deadline)).status.success();
}

Result<std::string> commit_of(const fs::path& tree, const std::string& revision, const Deadline& deadline) {
  const Output top = TRY(git(tree, {"rev-parse", "--git-dir"}, deadline));
  if (!top.status.success()) {
    return usage_error(fmt::format("{} is no git checkout", tree.string())).because("--tree takes a kernel's git tree");
  }
  const Output said = TRY(git(tree, {"rev-parse", "--verify", "--quiet", revision + "^{commit}"}, deadline));
  if (said.status.success()) return std::string(trim(said.out));
  return usage_error(fmt::format("{} has no commit '{}'", tree.string(), revision))
      .because("`git log` and `git tag` show what there is");
}

Result<History> history_between(const fs::path& tree, const std::string& good, const std::string& bad,
                                const Deadline& deadline) {
  if (good == bad) return usage_error(fmt::format("the good and the bad end are the same commit, {}", good));
  const Output older = TRY(git(tree, {"merge-base", "--is-ancestor", good, bad}, deadline));
  if (!older.status.success()) {
    const Output base = TRY(git(tree, {"merge-base", good, bad}, deadline));
    const std::string_view common = trim(base.out);
    return usage_error(fmt::format("the bad end {} does not contain the good end {}", bad, good))
        .because(common.empty() ? "they have no commit in common"
                                : fmt::format("their last common commit is {}: is that one good?", common));
  }
  const auto list = [&](std::vector<std::string> what) {
    std::vector<std::string> arguments = {"log", "--topo-order", "--reverse", kLogFormat};
    arguments.insert(arguments.end(), what.begin(), what.end());
    return ask(tree, std::move(arguments), deadline);
  };
  const std::string first = TRY(list({"-1", good}));
  const std::string text = TRY(list({fmt::format("{}..{}", good, bad)}));
  std::vector<Commit> commits;
  for (const std::string_view line : split(trim(text), '\n')) commits.push_back(commit_from(line));
  return History::create(commit_from(trim(first)), std::move(commits));
}

}  // namespace holdfast::bisect
