// Which commits does a user mean?
#include "harness/bisect/revisions.h"

#include <fmt/format.h>

#include "harness/base/text.h"
#include "harness/kernel/work_tree.h"

namespace holdfast::bisect {
namespace fs = std::filesystem;
namespace {

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

Result<std::string> commit_of(const fs::path& tree, const std::string& revision, const Deadline& deadline) {
  const Output top = TRY(run_git(tree, {"rev-parse", "--git-dir"}, deadline));
  if (!top.status.success()) {
    return usage_error(fmt::format("{} is no git checkout", tree.string())).because("--tree takes a kernel's git tree");
  }
  const Output said = TRY(run_git(tree, {"rev-parse", "--verify", "--quiet", revision + "^{commit}"}, deadline));
  if (said.status.success()) return std::string(trim(said.out));
  Error unknown = usage_error(fmt::format("{} has no commit '{}'", tree.string(), revision));
  const std::string names = TRY(ask_git(tree, {"for-each-ref", "--format=%(refname:short)"}, deadline));
  std::vector<std::string> known;
  for (const std::string_view name : split(names, '\n')) known.emplace_back(name);
  const auto close = nearest(revision, known);
  return std::move(unknown).because(close ? fmt::format("did you mean '{}'?", *close)
                                          : "`git log` and `git tag` show what there is");
}

Result<History> history_between(const fs::path& tree, const std::string& good, const std::string& bad,
                                const Deadline& deadline) {
  if (good == bad) return usage_error(fmt::format("the good and the bad end are the same commit, {}", good));
  const Output older = TRY(run_git(tree, {"merge-base", "--is-ancestor", good, bad}, deadline));
  if (!older.status.success()) {
    const Output base = TRY(run_git(tree, {"merge-base", good, bad}, deadline));
    const std::string_view common = trim(base.out);
    return usage_error(fmt::format("the bad end {} does not contain the good end {}", bad, good))
        .because(common.empty() ? "they have no commit in common"
                                : fmt::format("their last common commit is {}: is that one good?", common));
  }
  const auto list = [&](std::vector<std::string> what) {
    std::vector<std::string> arguments = {"log", "--topo-order", "--reverse", kLogFormat};
    arguments.insert(arguments.end(), what.begin(), what.end());
    return ask_git(tree, std::move(arguments), deadline);
  };
  const std::string first = TRY(list({"-1", good}));
  const std::string text = TRY(list({fmt::format("{}..{}", good, bad)}));
  std::vector<Commit> commits;
  for (const std::string_view line : split(trim(text), '\n')) commits.push_back(commit_from(line));
  return History::create(commit_from(trim(first)), std::move(commits));
}

}  // namespace holdfast::bisect
