// How are the files of one commit after the other had without touching the user's repository?
#include "harness/kernel/work_tree.h"

#include <fmt/format.h>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

constexpr Millis kGitLimit = std::chrono::minutes(10);

/// A repository at `dir` that has the objects of the one at `common`.
Result<void> make_repository(const fs::path& dir, const fs::path& common, const Deadline& deadline) {
  TRY(make_dirs(dir));
  TRY(ask_git(dir, {"init", "--quiet"}, deadline));
  TRY(make_dirs(dir / ".git/objects/info"));
  TRY(write_file(dir / ".git/objects/info/alternates", (common / "objects").string() + "\n"));
  TRY(make_dirs(dir / ".git/info"));
  TRY(write_file(dir / ".git/info/exclude", fmt::format("/{}/\n", WorkTree::kObjects)));
  return {};
}

}  // namespace

Result<Output> run_git(const fs::path& dir, std::vector<std::string> arguments, const Deadline& deadline,
                       const GitInput& input) {
  std::vector<std::string> argv = {"env"};
  for (const char* name : {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}) {
    if (!input.env.contains(name)) argv.insert(argv.end(), {"-u", name});
  }
  argv.insert(argv.end(), {"git", "-C", dir.string()});
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
  for (const auto& [name, value] : input.env) command.env[name] = value;
  return run(std::move(command), deadline.at_most(kGitLimit), input.feed, size_t{64} << 20);
}

Result<std::string> ask_git(const fs::path& dir, std::vector<std::string> arguments, const Deadline& deadline) {
  const std::string verb = arguments[0];
  Output said = TRY(run_git(dir, std::move(arguments), deadline));
  if (said.status.success()) return std::move(said.out);
  return lab_error("git", fmt::format("git {} in {}: {}", verb, dir.string(), trim(last_lines(said.err, 1))))
      .with("git", said.err);
}

Result<WorkTree> WorkTree::open(const fs::path& tree, const fs::path& dir, const Deadline& deadline) {
  const Output top = TRY(run_git(tree, {"rev-parse", "--path-format=absolute", "--git-common-dir"}, deadline));
  if (!top.status.success()) {
    return usage_error(fmt::format("{} is no git checkout", tree.string())).because("--tree takes a kernel's git tree");
  }
  std::error_code ignored;
  fs::remove(dir / ".git/index.lock", ignored);  // of one that was killed
  TRY(make_repository(dir, std::string(trim(top.out)), deadline));
  // Objects that the last HEAD needs may be gone from the user's repository: then there is nothing to go on from.
  const Output head = TRY(run_git(dir, {"rev-parse", "--verify", "--quiet", "HEAD"}, deadline));
  if (head.status.success()) {
    const Output whole = TRY(run_git(dir, {"cat-file", "-e", "HEAD^{tree}"}, deadline));
    if (!whole.status.success()) {
      fs::remove_all(dir / ".git", ignored);
      TRY(make_repository(dir, std::string(trim(top.out)), deadline));
    }
  }
  return WorkTree(dir);
}

Result<void> WorkTree::go_to(const std::string& commit, const Deadline& deadline) const {
  // What an interrupted revert or am left, and then every file of the tree.
  for (const char* verb : {"revert", "cherry-pick", "am"}) TRY(run_git(dir_, {verb, "--quit"}, deadline));
  TRY(ask_git(dir_, {"checkout", "--quiet", "--force", "--detach", commit}, deadline));
  TRY(ask_git(dir_, {"clean", "--quiet", "-ffdx", "-e", fmt::format("/{}/", kObjects)}, deadline));
  return {};
}

Result<bool> WorkTree::revert(const std::string& commit, const Deadline& deadline) const {
  // Of a merge, what it brought into the line that it was merged into.
  const std::string parents = TRY(ask_git(dir_, {"show", "--no-patch", "--format=%P", commit}, deadline));
  std::vector<std::string> arguments = {"revert", "--no-edit"};
  if (split(trim(parents), ' ').size() > 1) arguments.insert(arguments.end(), {"-m", "1"});
  arguments.push_back(commit);
  const bool done = TRY(run_git(dir_, std::move(arguments), deadline)).status.success();
  if (!done) TRY(run_git(dir_, {"revert", "--abort"}, deadline));
  return done;
}

Result<std::string> WorkTree::content_id(const Deadline& deadline) const {
  TRY(ask_git(dir_, {"add", "--all"}, deadline));
  return std::string(trim(TRY(ask_git(dir_, {"write-tree"}, deadline))));
}

}  // namespace holdfast
