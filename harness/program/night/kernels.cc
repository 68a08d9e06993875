// How do the kernels of a night come to this computer?
#include "harness/program/night/kernels.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/bisect/revisions.h"
#include "harness/kernel/data_dir.h"
#include "harness/kernel/kernel_verbs.h"
#include "harness/kernel/work_lock.h"
#include "harness/kernel/work_tree.h"
#include "harness/kernel_choice.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

constexpr Millis kFetchLimit = std::chrono::minutes(60);  // the whole of a kernel's history, over a slow line
constexpr Millis kUnpackLimit = std::chrono::minutes(10);

/// The output of a program that has to succeed.
Result<std::string> said_by(Command command, const std::string& kind, const Deadline& deadline) {
  const std::string what = shell_quote(command.argv);
  Output output = TRY(run(std::move(command), deadline, {}, size_t{64} << 20));
  if (output.status.success()) return std::move(output.out);
  const std::string last(trim(last_lines(trim(output.err), 1)));
  return lab_error(kind, printable(fmt::format("{}: {}", what, last.empty() ? output.status.describe() : last)))
      .with("output", output.err);
}

/// A kernel of this plan in the store; short enough for a name there whatever the plan calls it.
std::string store_name(const std::string& plan, const std::string& kernel) {
  return fmt::format("night-{}-{}", sha256(plan + "\n" + kernel).substr(0, 8), kernel.substr(0, 40));
}

/// The kernel that the name meant until now stays for one more night.
Result<void> keep_former(const std::string& name, const std::optional<StoredKernel>& former, const StoredKernel& now) {
  if (!former || former->key == now.key) return {};
  const KernelStore store(TRY(cache_dir()));
  const std::string before = name + "-before";
  const auto older = store.find(before);
  TRY(store.give_name(before, former->key));
  if (!older || older->key == former->key || older->key == now.key) return {};
  const auto left = store.by_key(older->key);
  if (left && left->names.empty()) TRY(store.remove(older->key));
  return {};
}

/// Files of a branch beside the user's own, which stay for the next night; held as long as they are used.
struct NightTree {
  WorkLock lock;
  WorkTree tree;
};

Result<NightTree> files_of(const fs::path& tree, const Deadline& deadline, const ProgressSink& progress) {
  std::error_code failed;
  const fs::path whole = fs::weakly_canonical(tree, failed);
  const fs::path dir = TRY(cache_dir()) / "nightly" / sha256((failed ? tree : whole).string()).substr(0, 16);
  TRY(make_dirs(dir));
  WorkLock lock =
      TRY(WorkLock::take(dir / "lock", fmt::format("builds a branch of {}", tree.string()), deadline, progress));
  WorkTree files = TRY(WorkTree::open(tree, dir / "src", deadline));
  return NightTree{.lock = std::move(lock), .tree = std::move(files)};
}

Result<ReadyKernel> prepare_branch(const lab::NightKernel& kernel, const std::string& plan, const Deadline& deadline,
                                   const ProgressSink& progress) {
  ReadyKernel ready;
  if (!kernel.remote.empty()) {
    const Command fetch{
        .argv = {"git", "-C", kernel.tree.string(), "-c", "gc.auto=0", "fetch", "--quiet", kernel.remote},
        .env = {{"GIT_TERMINAL_PROMPT", "0"}, {"LC_ALL", "C"}}};
    const auto fetched = said_by(fetch, "git", deadline.at_most(kFetchLimit));
    if (!fetched && fetched.error().kind == "stopped") return fetched.error();
    // Yesterday's branch is better than none, as long as somebody says so.
    if (!fetched) ready.warnings.push_back(fmt::format("kernel {}: {}", kernel.name, fetched.error().what));
  }
  ready.tree = kernel.tree.string();
  ready.commit = TRY(bisect::commit_of(kernel.tree, kernel.branch, deadline));
  const NightTree files = TRY(files_of(kernel.tree, deadline, progress));
  TRY(files.tree.go_to(ready.commit, deadline));
  ready.argument = store_name(plan, kernel.name);
  const auto former = KernelStore(TRY(cache_dir())).find(ready.argument);
  const kernel::Built built = TRY(kernel::build({.cache = {},
                                                 .tree = files.tree.dir(),
                                                 .series = kernel.series.empty() ? "none" : kernel.series,
                                                 .config = kernel.configs,
                                                 .name = ready.argument,
                                                 .jobs = 0},
                                                deadline, progress));
  TRY(keep_former(ready.argument, former, built.kernel));
  std::vector<std::string> words;
  for (const fs::path& config : kernel.configs) words.push_back("--config=" + config.string());
  ready.bisect_words = shell_quote(words);
  if (!kernel.series.empty()) ready.no_bisect = "the kernel has patches of a series on top of its branch";
  return ready;
}

/// The first file of `folder` whose name begins so.
fs::path find_file(const fs::path& folder, std::string_view begin) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    if (it->path().filename().string().starts_with(begin)) found.push_back(it->path());
  }
  std::ranges::sort(found);
  return found.empty() ? fs::path() : found.front();
}

Result<fs::path> download(const std::string& package, const fs::path& into, const Deadline& deadline) {
  TRY(make_dirs(into));
  TRY(said_by({.argv = {"apt-get", "download", package}, .cwd = into, .env = {{"LC_ALL", "C"}}}, "apt",
              deadline.at_most(kFetchLimit)));
  const fs::path deb = find_file(into, package + "_");
  if (!deb.empty()) return deb;
  return lab_error("apt", fmt::format("apt-get download {} left no package", package));
}

/// "linux-image-amd64" has no kernel in it, but names the package that has.
std::string image_named_in(std::string_view depends) {
  for (const std::string_view word : split(depends, ',')) {
    const std::string_view name = trim(word);
    if (name.starts_with("linux-image-")) return std::string(name.substr(0, name.find_first_of(" (|")));
  }
  return {};
}

Result<fs::path> package_with_image(const lab::NightKernel& kernel, const fs::path& into, const Deadline& deadline) {
  fs::path deb = kernel.package.find('/') != std::string::npos ? fs::path(kernel.package)
                                                               : TRY(download(kernel.package, into, deadline));
  const auto list =
      TRY(said_by({.argv = {"dpkg-deb", "--contents", deb.string()}}, "package", deadline.at_most(kUnpackLimit)));
  if (list.find("/boot/vmlinuz-") != std::string::npos) return deb;
  const auto depends = TRY(said_by({.argv = {"dpkg-deb", "--field", deb.string(), "Depends"}}, "package", deadline));
  const std::string named = image_named_in(depends);
  if (!named.empty()) return download(named, into / "image", deadline);
  return usage_error(fmt::format("{} has no /boot/vmlinuz-* in it", deb.string()));
}

/// Unpacked packages of the kernel but this one.
void remove_older(const fs::path& folder, const std::string& begin, const fs::path& but) {
  std::error_code ignored;
  for (fs::directory_iterator it(folder, ignored), end; !ignored && it != end; it.increment(ignored)) {
    const bool ours = it->path().filename().string().starts_with(begin);
    if (ours && it->path() != but) fs::remove_all(it->path(), ignored);
  }
}

Result<ReadyKernel> prepare_package(const lab::NightKernel& kernel, const std::string& plan, const Deadline& deadline) {
  const auto downloads = TRY(TempDir::create("holdfast-package"));
  const fs::path deb = TRY(package_with_image(kernel, downloads.path(), deadline));
  const fs::path folder = TRY(cache_dir()) / "packages";
  const std::string begin = store_name(plan, kernel.name) + "-";
  const fs::path dir = folder / (begin + TRY(sha256_file(deb)).substr(0, 16));
  std::error_code failed;
  if (!fs::exists(dir, failed)) {
    const fs::path beside = folder / fmt::format("{}new-{}", begin, random_hex(4));
    TRY(make_dirs(beside));
    TRY(said_by({.argv = {"dpkg-deb", "--extract", deb.string(), beside.string()}}, "package",
                deadline.at_most(kUnpackLimit)));
    fs::rename(beside, dir, failed);
    if (failed) return system_error(fmt::format("rename {}", beside.string()), failed.value());
  }
  remove_older(folder, begin, dir);
  ReadyKernel ready;
  ready.argument = find_file(dir / "boot", "vmlinuz-").string();
  if (ready.argument.empty()) return usage_error(fmt::format("{} has no /boot/vmlinuz-* in it", deb.string()));
  for (const char* below : {"lib/modules", "usr/lib/modules"}) {
    if (ready.modules.empty()) ready.modules = find_file(dir / below, "");
  }
  ready.no_bisect = "the kernel is a package";
  return ready;
}

KernelOptions stored(const lab::NightKernel& kernel) {
  return {.kernel = kernel.kernel, .next_kernel = {}, .modules = kernel.modules, .append = {}, .next_append = {}};
}

}  // namespace

Result<ReadyKernel> prepare_kernel(const lab::NightKernel& kernel, const std::string& plan, const Deadline& deadline,
                                   const ProgressSink& progress) {
  using Kind = lab::NightKernel::Kind;
  if (kernel.kind == Kind::kBranch) return prepare_branch(kernel, plan, deadline, progress);
  if (kernel.kind == Kind::kPackage) return prepare_package(kernel, plan, deadline);
  // As a path, which means the same for as long as the night goes on.
  const Kernels found = TRY(resolve_kernels(stored(kernel), deadline));
  ReadyKernel ready;
  ready.argument = found.a.path.string();
  ready.modules = found.modules;
  ready.no_bisect = "the kernel is no branch of a tree";
  return ready;
}

Result<void> check_kernel_of_night(const lab::NightKernel& kernel, const Deadline& deadline) {
  using Kind = lab::NightKernel::Kind;
  const auto at = [&] { return kernel.declared_at; };
  if (kernel.kind == Kind::kStored) {
    TRY(in_context(resolve_kernels(stored(kernel), deadline), at));
  } else if (kernel.kind == Kind::kBranch) {
    // What is fetched may not be there yet, but the tree has to be.
    const std::string revision = kernel.remote.empty() ? kernel.branch : "HEAD";
    TRY(in_context(bisect::commit_of(kernel.tree, revision, deadline), at));
    for (const fs::path& config : kernel.configs) TRY(in_context(read_file(config), at));
  } else if (kernel.package.find('/') != std::string::npos) {
    std::error_code failed;
    if (!fs::is_regular_file(kernel.package, failed)) {
      return usage_error(fmt::format("{}: there is no package {}", kernel.declared_at, kernel.package));
    }
  }
  return {};
}

}  // namespace holdfast
