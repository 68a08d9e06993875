// What does a git checkout hold, asked without git writing into it?
#include "harness/kernel/git_tree.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

/// Runs git on one checkout with a private index, and with everything off that writes into the repository, reaches for
/// the network or runs programs named in the checkout's own configuration.
class Git {
 public:
  Git(fs::path dir, fs::path index, const Deadline& deadline)
      : dir_(std::move(dir)), index_(std::move(index)), deadline_(deadline.at_most(std::chrono::minutes(5))) {}

  Result<Output> output(std::vector<std::string> arguments) const {
    // Named outright, so that a GIT_DIR of whoever calls does not lead elsewhere.
    std::vector<std::string> argv = {"git", "-C", dir_.string(), fmt::format("--git-dir={}", (dir_ / ".git").string()),
                                     fmt::format("--work-tree={}", dir_.string())};
    // safe.directory: a tree that belongs to somebody else is only read here, and may be tested all the same.
    for (const char* setting :
         {"safe.directory=*", "core.fsmonitor=false", "core.splitIndex=false", "core.untrackedCache=true"}) {
      argv.insert(argv.end(), {"-c", setting});
    }
    // Without a private index nothing may be written at all; with one, git may keep what it found out in that.
    if (index_.empty()) argv.emplace_back("--no-optional-locks");
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    std::map<std::string, std::string> env = {
        {"LC_ALL", "C"}, {"GIT_NO_LAZY_FETCH", "1"}, {"GIT_TERMINAL_PROMPT", "0"}};
    if (!index_.empty()) env["GIT_INDEX_FILE"] = index_.string();
    constexpr size_t kListsAtMost = size_t{256} << 20;
    return run({.argv = std::move(argv), .env = std::move(env)}, deadline_, {}, kListsAtMost);
  }

  /// What it printed. Errors: lab.git with what it said.
  Result<std::string> ask(std::vector<std::string> arguments) const {
    const std::string verb = arguments[0];
    Output said = TRY(output(std::move(arguments)));
    if (said.status.success()) return std::move(said.out);
    return lab_error("git", fmt::format("git {} in {}: {}", verb, dir_.string(), said.status.describe()))
        .with("git", said.err);
  }

 private:
  fs::path dir_;
  fs::path index_;
  Deadline deadline_;
};

struct Head {
  std::string commit;
  std::string tree;
};

/// Stands for the state of an index file: another one means that somebody used git in the checkout.
std::string stamp_of(const fs::path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) return "none";
  return fmt::format("{} {} {}.{}", info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

/// A private copy of the checkout's index, refreshed against the files. Kept below the cache, so that the next look
/// need not read every file again of a checkout whose own index is out of date.
class PrivateIndex {
 public:
  PrivateIndex(const fs::path& own, const fs::path& cache_dir)
      : own_(own), folder_(cache_dir / "trees" / sha256(own.string()).substr(0, 16)) {}

  /// Gives the path of a copy that is this call's alone, until keep() is called.
  Result<fs::path> take() {
    TRY(make_dirs(folder_));
    stamp_ = stamp_of(own_);
    working_ = folder_ / fmt::format("index.{}", random_hex(8));
    const auto kept_stamp = read_file(folder_ / "stamp");
    std::error_code failed;
    const bool usable = kept_stamp && *kept_stamp == stamp_ && fs::exists(folder_ / "index", failed);
    fs::copy_file(usable ? folder_ / "index" : own_, working_, failed);
    if (failed) return system_error(fmt::format("copy the index {}", own_.string()), failed.value());
    return working_;
  }

  void keep() {
    std::error_code ignored;
    fs::rename(working_, folder_ / "index", ignored);
    static_cast<void>(write_file_atomic(folder_ / "stamp", stamp_).ok());
    working_.clear();
  }

  PrivateIndex(const PrivateIndex&) = delete;
  PrivateIndex& operator=(const PrivateIndex&) = delete;
  ~PrivateIndex() {
    std::error_code ignored;
    if (!working_.empty()) fs::remove(working_, ignored);
  }

 private:
  fs::path own_;
  fs::path folder_;
  fs::path working_;
  std::string stamp_;
};

/// Feeds path, kind and content of what differs from HEAD.
Result<void> add_content(Digest& digest, const fs::path& dir, const std::string& path) {
  const fs::path file = dir / path;
  struct stat info{};
  digest.add(fmt::format("{}\n", path));
  if (::lstat(file.c_str(), &info) != 0) {
    digest.add("gone\n");
  } else if (S_ISLNK(info.st_mode)) {
    std::error_code ignored;
    digest.add(fmt::format("link {}\n", fs::read_symlink(file, ignored).string()));
  } else if (S_ISREG(info.st_mode)) {
    digest.add(fmt::format("{} {}\n", (info.st_mode & 0111) != 0 ? "program" : "file", TRY(sha256_file(file))));
  }
  return {};
}

/// The files that exist, with their sizes.
void add_files(KernelTree& tree, const std::set<std::string>& paths) {
  for (const std::string& path : paths) {
    struct stat info{};
    if (::lstat((tree.dir / path).c_str(), &info) != 0) continue;
    if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) continue;
    tree.bytes += static_cast<uint64_t>(info.st_size);
    tree.files.push_back({.path = path, .size = static_cast<uint64_t>(info.st_size)});
  }
}

/// The paths in the output of `git status --porcelain=v1 -z` without renames: two letters, a blank, the path. A folder
/// (a repository inside this one) ends with a slash, and is none of the tree's files.
std::vector<std::string> changed_paths(std::string_view status) {
  std::vector<std::string> paths;
  for (const std::string_view entry : split(status, '\0')) {
    if (entry.size() > 3 && !entry.ends_with('/')) paths.emplace_back(entry.substr(3));
  }
  return paths;
}

/// Steps: one pass of git over index and files, which refreshes the private index as well; digest the content of what
/// differs from HEAD and of what is untracked; list the files when asked to.
Result<KernelTree> look(const fs::path& dir, const Git& git, const Head& head, TreeLook what) {
  KernelTree tree{.dir = dir, .version = {}, .key = {}, .describe = {}, .files = {}, .bytes = 0};
  const auto differing = changed_paths(TRY(
      git.ask({"status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=all"})));
  Digest digest;
  digest.add(head.tree);
  for (const std::string& path : differing) TRY(add_content(digest, dir, path));
  tree.key = fmt::format("git:{}", digest.hex());
  tree.describe = fmt::format("git {}", head.commit.substr(0, 12));
  if (!differing.empty()) tree.describe += fmt::format(", {} files changed", differing.size());
  if (what == TreeLook::kKey) return tree;
  const std::string tracked = TRY(git.ask({"ls-files", "-z", "--cached"}));
  std::set<std::string> all(differing.begin(), differing.end());
  for (const std::string_view path : split(tracked, '\0')) {
    if (!path.empty()) all.emplace(path);
  }
  add_files(tree, all);
  return tree;
}

}  // namespace

Result<std::optional<KernelTree>> look_at_checkout(const fs::path& dir, const fs::path& cache_dir, TreeLook what,
                                                   const Deadline& deadline) {
  std::error_code failed;
  const std::optional<KernelTree> none;
  if (!fs::exists(dir / ".git", failed) || !find_program("git")) return none;
  const Git plain(dir, {}, deadline);
  const Output said = TRY(plain.output({"rev-parse", "--absolute-git-dir", "HEAD", "HEAD^{tree}"}));
  const auto lines = split(said.out, '\n');
  if (!said.status.success() || lines.size() < 3) return none;
  const fs::path own = fs::path(lines[0]) / "index";
  if (!fs::exists(own, failed)) return none;
  PrivateIndex index(own, cache_dir);
  const Git git(dir, TRY(index.take()), deadline);
  KernelTree tree = TRY(look(dir, git, {.commit = std::string(lines[1]), .tree = std::string(lines[2])}, what));
  index.keep();
  return std::optional(std::move(tree));
}

}  // namespace holdfast
