// How are many commits of one tree built, each with little more work than what differs from the one before?
#include "harness/kernel/incremental_build.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/kernel/disk_space.h"
#include "harness/kernel/toolchain.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

/// Part of the key of each kernel that is made here: it is never taken for one that was made from nothing.
constexpr std::string_view kKind = "step 1";
constexpr int kFoldersOfOneKey = 16;
constexpr std::chrono::hours kUnusedAtMost{24 * 30};

fs::path lock_of(const fs::path& folder) { return folder.string() + ".lock"; }

/// Folders whose lock nobody holds and nobody has held for long.
void remove_unused(const fs::path& folders) {
  std::error_code failed;
  std::vector<fs::path> locks;
  for (fs::directory_iterator entry(folders, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    if (entry->path().extension() == ".lock") locks.push_back(entry->path());
  }
  for (const fs::path& lock : locks) {
    const auto touched = fs::last_write_time(lock, failed);
    if (failed || fs::file_time_type::clock::now() - touched < kUnusedAtMost) continue;
    const auto held = FileLock::try_take(lock);
    if (!held || !*held) continue;
    fs::path folder = lock;
    fs::remove_all(folder.replace_extension(), failed);
    fs::remove(lock, failed);
    fs::remove(lock.string() + ".holder", failed);
  }
}

struct Folder {
  fs::path root;
  WorkLock lock;
};

/// The first folder of this key that nobody works in.
Result<Folder> take_folder(const fs::path& folders, const std::string& key, std::string_view doing) {
  for (int i = 0; i < kFoldersOfOneKey; ++i) {
    const fs::path root = folders / (i == 0 ? key : fmt::format("{}-{}", key, i + 1));
    auto lock = TRY(WorkLock::try_take(lock_of(root), doing));
    if (!lock) continue;
    std::error_code ignored;
    fs::last_write_time(lock_of(root), fs::file_time_type::clock::now(), ignored);
    return Folder{.root = root, .lock = *std::move(lock)};
  }
  return lab_error("lock", fmt::format("{} steps of the same tree are being built at once", kFoldersOfOneKey))
      .because("wait until one of them has ended");
}

/// One that differs names other products, or the same ones made in another way.
Result<std::string> key_of(const BuildRequest& request, const fs::path& tree) {
  std::vector<std::vector<ConfigWish>> required;
  std::vector<std::vector<ConfigWish>> if_known;
  for (const fs::path& fragment : request.config) required.push_back(TRY(read_fragment(fragment)));
  for (const fs::path& fragment : request.config_if_known) if_known.push_back(TRY(read_fragment(fragment)));
  return sha256(
      fmt::format("{}\n{}\n{}\n{}", kKind, tree.string(), to_fragment(merge(required)), to_fragment(merge(if_known))));
}

/// Of which make was killed in the middle: it may have left half an object with a time that says it is whole. So
/// everything goes that is not older than its beginning. When the kernel's configuration was being taken over, nothing
/// tells any longer which objects belong to the old one: then all of them go.
void distrust(const fs::path& root) {
  std::error_code failed;
  const auto began = fs::last_write_time(root / "unfinished", failed);
  if (failed) return;
  const fs::path objects = root / "src" / WorkTree::kObjects;
  const auto taken_over = fs::last_write_time(objects / "include/config/auto.conf", failed);
  if (failed || taken_over >= began) {
    fs::remove_all(objects, failed);
    fs::remove(root / "warnings", failed);
  }
  std::vector<fs::path> doubtful;
  for (fs::recursive_directory_iterator entry(objects, failed); !failed && entry != fs::recursive_directory_iterator();
       entry.increment(failed)) {
    std::error_code gone;
    if (entry->is_regular_file(gone) && entry->last_write_time(gone) >= began) doubtful.push_back(entry->path());
  }
  for (const fs::path& file : doubtful) fs::remove(file, failed);
  fs::remove(root / "unfinished", failed);
}

std::string value_in(const KernelConfig& config, const std::string& symbol) {
  const auto at = config.find(symbol);
  return at == config.end() ? "n" : at->second;
}

/// "CONFIG_X: n -> y".
std::vector<std::string> differences(const KernelConfig& before, const KernelConfig& after) {
  KernelConfig all = before;
  all.insert(after.begin(), after.end());
  std::vector<std::string> changes;
  for (const auto& [symbol, unused] : all) {
    const std::string was = value_in(before, symbol);
    const std::string is = value_in(after, symbol);
    if (was != is) changes.push_back(fmt::format("{}: {} -> {}", symbol, was, is));
  }
  return changes;
}

/// The tree is at fault: it does not compile, or lacks what the configuration asks for.
bool about_the_tree(const Error& error) { return error.blame == Blame::kKernel || error.type() == "harness.usage"; }

void take_trouble(const Error& error, StepBuild& step) {
  step.trouble = error.what;
  for (const Evidence& evidence : error.evidence) {
    if (evidence.name == "first errors") step.errors = evidence.text;
  }
}

}  // namespace

Result<IncrementalBuild> IncrementalBuild::open(const BuildRequest& request, const KernelStore& store,
                                                const Deadline& deadline, const ProgressSink& progress) {
  const Step step(progress, "open", request.source.dir.string());
  TRY(require_build_tools());
  std::error_code failed;
  BuildRequest wanted = request;
  wanted.source.dir = fs::weakly_canonical(request.source.dir, failed);
  if (failed) return system_error(fmt::format("find {}", request.source.dir.string()), failed.value());
  const std::string compiler = TRY(compiler_identity(deadline));
  const std::string key = sha256(compiler + "\n" + TRY(key_of(wanted, wanted.source.dir))).substr(0, 12);
  const fs::path folders = store.cache() / "incremental";
  TRY(make_dirs(folders));
  remove_unused(folders);
  Folder folder = TRY(take_folder(folders, key, fmt::format("builds steps of {}", wanted.source.dir.string())));
  TRY(make_dirs(folder.root));
  distrust(folder.root);
  WorkTree tree = TRY(WorkTree::open(wanted.source.dir, folder.root / "src", deadline));
  BuildArea area = TRY(BuildArea::at(std::move(folder.lock), store.cache(), folder.root));
  return IncrementalBuild(std::move(wanted), store, folder.root, std::move(tree), std::move(area));
}

/// Steps: name the content; look whether the store has it; configure and compile, with a mark that stays when this is
/// killed; store, together with all warnings of this kernel.
Result<StepBuild> IncrementalBuild::build(const StepWish& wish, const Deadline& deadline,
                                          const ProgressSink& progress) {
  const auto began = std::chrono::steady_clock::now();
  BuildRequest request = request_;
  request.source.key = fmt::format("{}:{}", kKind, TRY(tree_.content_id(deadline)));
  request.source.describe = fmt::format("tree {} (git {})", request_.source.dir.string(),
                                        trim(TRY(ask_git(tree_.dir(), {"rev-parse", "--short=12", "HEAD"}, deadline))));
  const BuildPlan plan = TRY(plan_build(request, store_, deadline));
  StepBuild step;
  if (auto there = store_.by_key(plan.key)) {
    step.from_store = true;
    step.warnings = all_warnings(TRY(read_warnings(there->dir / "warnings")));
    step.log = there->log();
    step.kernel = std::move(there);
  } else {
    TRY(require_space(root_, room_for_objects(plan), "build a kernel"));
    step.log = store_.cache() / "logs" / fmt::format("{}.log", plan.key.substr(0, 12));
    TRY(area_.log_to(step.log));
    auto made = make(plan, wish, step, deadline, progress);
    if (!made && !about_the_tree(made.error())) return std::move(made).error();
    if (!made) take_trouble(made.error(), step);
  }
  if (step.kernel && !wish.name.empty()) {
    TRY(store_.give_name(wish.name, step.kernel->key));
    step.kernel = store_.by_key(step.kernel->key);
  }
  step.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return step;
}

Result<void> IncrementalBuild::make(const BuildPlan& plan, const StepWish& wish, StepBuild& step,
                                    const Deadline& deadline, const ProgressSink& progress) const {
  const auto before = read_file(area_.objects() / ".config");
  distrust(root_);
  TRY(write_file(root_ / "unfinished", ""));
  const auto finished = [this](const Error& error) {
    // A make that ended by itself has removed what it did not end; one that was stopped may not have.
    std::error_code ignored;
    if (error.type() == "kernel.build" || error.type() == "harness.usage") fs::remove(root_ / "unfinished", ignored);
    return error;
  };
  const auto wishes = TRY(wishes_for(plan, area_.source()));
  const auto config = area_.configure(wishes, deadline, progress);
  if (!config) return finished(config.error());
  if (before) step.config_changes = differences(parse_config(*before), *config);
  TRY(require_tools_for(*config, deadline));
  const auto objects = area_.compile(
      {.modules = has_modules(*config), .jobs = wish.jobs != 0 ? wish.jobs : request_.jobs, .in_pieces = true},
      deadline, progress);
  const WarningsByObject warnings = TRY(gather_warnings());
  TRY(write_warnings(root_ / "warnings", warnings));
  if (!objects) return finished(objects.error());
  std::error_code failed;
  fs::remove(root_ / "unfinished", failed);
  step.objects = *objects;
  step.warnings = all_warnings(warnings);
  StoredKernel kernel;
  kernel.key = plan.key;
  kernel.objects = 0;  // says nothing about a build from nothing
  kernel.source = printable(plan.source.describe);
  kernel.compiler = printable(plan.compiler);
  const fs::path staged = root_ / "staged";
  fs::remove_all(staged, failed);
  TRY(make_dirs(staged));
  TRY(write_warnings(staged / "warnings", warnings));
  step.kernel = TRY(store_products(area_, staged, std::move(kernel), store_, deadline));
  return {};
}

Result<WarningsByObject> IncrementalBuild::gather_warnings() const {
  WarningsByObject all = TRY(read_warnings(root_ / "warnings"));
  all.erase("");  // of make itself, in another step
  for (auto& [object, warnings] : parse_warnings(TRY(read_file(area_.log())))) all[object] = std::move(warnings);
  // What is not made any longer warns of nothing. Objects are named from obj; other things that kbuild names are not.
  std::error_code failed;
  std::erase_if(all, [&](const auto& entry) {
    return entry.first.ends_with(".o") && !fs::exists(area_.objects() / entry.first, failed);
  });
  return all;
}

}  // namespace holdfast
