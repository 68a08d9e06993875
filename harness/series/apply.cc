// Does a patch of a series apply on top of those before it?
//
// Steps: read the parent's files into an index beside the real one; let git apply the diff there; write the tree, and a
// commit with the mail's author, time and message. The committer's time is the author's, so that the same mails on the
// same base give the same commits.
#include "harness/series/apply.h"

#include <fmt/format.h>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::series {
namespace {

/// The first sentence of git that says what is wrong.
std::string why_of(const Output& said) {
  constexpr std::string_view kHunk = "error: patch failed: ";
  constexpr std::string_view kError = "error: ";
  for (const std::string_view line : split(said.err, '\n')) {
    if (line.starts_with(kHunk)) return fmt::format("a hunk does not fit at {}", printable(line.substr(kHunk.size())));
  }
  for (const std::string_view line : split(said.err, '\n')) {
    if (line.starts_with(kError)) return printable(trim(line.substr(kError.size())));
  }
  const std::string_view last = trim(last_lines(trim(said.err), 1));
  return last.empty() ? said.status.describe() : printable(last);
}

/// Runs git with an index that is no work tree's.
class Beside {
 public:
  static Result<Beside> create(const WorkTree& tree, const Deadline& deadline) {
    return Beside(tree, TRY(TempDir::create("holdfast-index")), deadline);
  }

  Result<Output> git(std::vector<std::string> arguments, std::string_view feed = {},
                     std::map<std::string, std::string> env = {}) const {
    env["GIT_INDEX_FILE"] = (dir_.path() / "index").string();
    return run_git(tree_.dir(), std::move(arguments), deadline_, {.feed = feed, .env = std::move(env)});
  }
  Result<std::string> ask(std::vector<std::string> arguments, std::string_view feed = {},
                          std::map<std::string, std::string> env = {}) const {
    const std::string verb = arguments[0];
    const Output said = TRY(git(std::move(arguments), feed, std::move(env)));
    if (said.status.success()) return std::string(trim(said.out));
    return lab_error("git", fmt::format("git {}: {}", verb, trim(last_lines(said.err, 1)))).with("git", said.err);
  }

 private:
  Beside(const WorkTree& tree, TempDir dir, const Deadline& deadline)
      : tree_(tree), dir_(std::move(dir)), deadline_(deadline) {}
  const WorkTree& tree_;
  TempDir dir_;
  const Deadline& deadline_;
};

Result<Output> apply(const Beside& beside, const std::string& parent, std::string_view diff, bool three_way) {
  TRY(beside.ask({"read-tree", parent}));
  std::vector<std::string> arguments = {
      "-c", "apply.whitespace=nowarn", "-c", "apply.ignoreWhitespace=no", "apply", "--cached"};
  if (three_way) arguments.emplace_back("--3way");
  return beside.git(std::move(arguments), diff);
}

/// Who made it and when, for commit-tree.
std::map<std::string, std::string> author_of(const PostedPatch& patch, bool with_date) {
  const std::string date = with_date && !patch.date.empty() ? patch.date : "@0 +0000";
  return {{"GIT_AUTHOR_NAME", patch.author.empty() ? "unknown" : patch.author},
          {"GIT_AUTHOR_EMAIL", patch.email},
          {"GIT_AUTHOR_DATE", date},
          {"GIT_COMMITTER_DATE", date}};
}

Result<std::string> commit(const Beside& beside, const std::string& parent, const PostedPatch& patch) {
  const std::string files = TRY(beside.ask({"write-tree"}));
  const std::string message = fmt::format("{}\n\n{}", patch.subject, patch.message);
  const std::vector<std::string> arguments = {"commit-tree", files, "-p", parent, "-F", "-"};
  const Output said = TRY(beside.git(arguments, message, author_of(patch, /*with_date=*/true)));
  if (said.status.success()) return std::string(trim(said.out));
  return beside.ask(arguments, message, author_of(patch, /*with_date=*/false));  // a date that git cannot read
}

/// A commit of the user's, with what a mail would have.
Result<PostedPatch> whole(const Beside& beside, const PostedPatch& patch) {
  PostedPatch read = patch;
  const std::string facts =
      TRY(beside.ask({"show", "--no-patch", "--format=%an%x1f%ae%x1f%ad", "--date=raw", patch.commit}));
  const auto fields = split(facts, '\x1f');
  if (fields.size() < 3) return lab_error("git", fmt::format("git show of {} is not as expected", patch.commit));
  read.author = std::string(fields[0]);
  read.email = std::string(fields[1]);
  read.date = fmt::format("@{}", fields[2]);
  read.message = TRY(beside.ask({"show", "--no-patch", "--format=%b", patch.commit}));
  read.diff = TRY(beside.ask({"diff-tree", "-p", "--root", "--binary", "--full-index", "--no-commit-id",
                              "--no-ext-diff", "--src-prefix=a/", "--dst-prefix=b/", patch.commit})) +
              "\n";
  return read;
}

}  // namespace

Result<Applied> apply_patch(const WorkTree& tree, const std::string& parent, const PostedPatch& patch,
                            const Deadline& deadline) {
  const Beside beside = TRY(Beside::create(tree, deadline));
  PostedPatch wanted = patch;
  if (!patch.commit.empty()) {
    const std::string parents = TRY(beside.ask({"show", "--no-patch", "--format=%P", patch.commit}));
    if (parents == parent) return Applied{.commit = patch.commit};
    wanted = TRY(whole(beside, patch));
  }
  if (trim(wanted.diff).empty()) return Applied{.refusal = "there is no diff in it"};
  const Output plain = TRY(apply(beside, parent, wanted.diff, /*three_way=*/false));
  Applied applied;
  if (!plain.status.success()) {
    const Output merged = TRY(apply(beside, parent, wanted.diff, /*three_way=*/true));
    if (!merged.status.success()) return Applied{.refusal = why_of(plain), .said = printable(plain.err)};
    applied.note = fmt::format("only by a 3-way merge, for {}", why_of(plain));
  }
  applied.commit = TRY(commit(beside, parent, wanted));
  return applied;
}

}  // namespace holdfast::series
