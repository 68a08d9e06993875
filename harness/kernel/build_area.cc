// Where and how is a kernel compiled, once it is clear what is to be compiled?
#include "harness/kernel/build_area.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/kernel/disk_space.h"
#include "harness/kernel/followed.h"
#include "harness/kernel/toolchain.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

/// Variables of whoever calls that would change what a kernel build does, or let it join another make's jobs.
constexpr std::array kUnwanted{"MAKEFLAGS",
                               "MFLAGS",
                               "MAKELEVEL",
                               "MAKEFILES",
                               "GNUMAKEFLAGS",
                               "ARCH",
                               "CROSS_COMPILE",
                               "LLVM",
                               "LLVM_IAS",
                               "CC",
                               "LD",
                               "HOSTCC",
                               "KCFLAGS",
                               "KAFLAGS",
                               "KCPPFLAGS",
                               "HOSTCFLAGS",
                               "HOSTLDFLAGS",
                               "KBUILD_OUTPUT",
                               "KBUILD_EXTMOD",
                               "KBUILD_VERBOSE",
                               "KCONFIG_CONFIG",
                               "KERNELRELEASE",
                               "KBUILD_EXTRA_WARN",
                               "INSTALL_PATH",
                               "W",
                               "C",
                               "V",
                               "O",
                               "GIT_DIR",
                               "GIT_WORK_TREE"};

Result<void> note_in(const fs::path& log, std::string_view line) {
  const Fd fd = TRY(open_file(log, O_WRONLY | O_CREAT | O_APPEND));
  TRY_IN(log.string(), write_all(fd.get(), line));
  return {};
}

Result<void> fit_for_make(const fs::path& folder) {
  if (folder.string().find_first_of(" \t:") == std::string::npos) return {};
  return usage_error(fmt::format("no kernel can be built in {}: its makefiles know no space and no colon in a path",
                                 folder.string()))
      .because("set HOLDFAST_CACHE to another folder");
}

/// Counts what kbuild prints for each command: two spaces, then "CC", "AS", "LD"... Reads only what is new.
class ObjectCounter {
 public:
  explicit ObjectCounter(fs::path log) : log_(std::move(log)) {
    std::error_code ignored;
    read_ = fs::file_size(log_, ignored);
    if (ignored) read_ = 0;
  }

  void look() {
    const auto fd = open_file(log_, O_RDONLY);
    if (!fd) return;
    std::array<char, 1 << 16> piece;
    ssize_t got = 0;
    while ((got = ::pread(fd->get(), piece.data(), piece.size(), static_cast<off_t>(read_))) > 0) {
      read_ += static_cast<uint64_t>(got);
      line_.append(piece.data(), static_cast<size_t>(got));
      take_lines();
    }
  }
  uint64_t objects() const { return objects_; }
  const std::string& last() const { return last_; }

 private:
  void take_lines() {
    for (size_t end = 0; (end = line_.find('\n')) != std::string::npos; line_.erase(0, end + 1)) {
      if (end < 4 || !line_.starts_with("  ") || line_[2] < 'A' || line_[2] > 'Z') continue;
      ++objects_;
      const std::string_view line(line_.data(), end);
      last_ = std::string(line.substr(line.rfind(' ') + 1));
    }
  }
  fs::path log_;
  uint64_t read_ = 0;
  uint64_t objects_ = 0;
  std::string line_;
  std::string last_;
};

}  // namespace

namespace {

/// The lines from the first one that has one of `signs`, at most a dozen.
std::string lines_from(std::string_view log, const std::vector<std::string_view>& signs) {
  constexpr size_t kLines = 12;
  std::string found;
  size_t taken = 0;
  for (const std::string_view line : split(log, '\n')) {
    const bool sign = std::any_of(signs.begin(), signs.end(),
                                  [&](std::string_view each) { return line.find(each) != std::string_view::npos; });
    if (taken == 0 && !sign) continue;
    found += fmt::format("{}\n", printable(line));
    if (++taken == kLines) break;
  }
  return found;
}

}  // namespace

std::string first_errors(std::string_view log) {
  // What a compiler or linker says tells more than make's own complaint, which may come first when jobs run side by
  // side.
  std::string found =
      lines_from(log, {" error: ", "fatal error:", "undefined reference", "multiple definition", "ERROR: "});
  return found.empty() ? lines_from(log, {"*** ", "] Error "}) : found;
}

BuildArea::BuildArea(WorkLock lock, fs::path cache, fs::path root)
    : lock_(std::move(lock)), cache_(std::move(cache)), root_(std::move(root)) {}

void BuildArea::clear_objects() const {
  std::error_code ignored;  // what stays in the way is reported by whoever comes upon it
  fs::remove_all(objects(), ignored);
}

Result<BuildArea> BuildArea::enter(const fs::path& cache, std::string_view doing, fs::path log,
                                   const Deadline& deadline, const ProgressSink& progress) {
  TRY(fit_for_make(cache));
  WorkLock lock = TRY(WorkLock::take(cache / "build" / "lock", doing, deadline, progress));
  BuildArea area(std::move(lock), cache, cache / "build");
  TRY(area.log_to(std::move(log)));
  return area;
}

Result<BuildArea> BuildArea::at(WorkLock lock, const fs::path& cache, fs::path root) {
  TRY(fit_for_make(root));
  return BuildArea(std::move(lock), cache, std::move(root));
}

Result<void> BuildArea::log_to(fs::path log) {
  TRY(make_dirs(log.parent_path()));
  TRY(write_file(log, ""));
  log_ = std::move(log);
  return {};
}

Result<bool> BuildArea::make(std::vector<std::string> arguments, const Deadline& deadline,
                             const std::function<void()>& tick) const {
  Command command{.argv = {"env"}, .cwd = source()};
  for (const char* name : kUnwanted) command.argv.insert(command.argv.end(), {"-u", name});
  // Nothing of this machine or moment gets into the kernel: the same tree gives the same bytes.
  command.env = {{"LC_ALL", "C"},
                 {"KBUILD_BUILD_TIMESTAMP", "Thu Jan  1 00:00:00 UTC 1970"},
                 {"KBUILD_BUILD_USER", "holdfast"},
                 {"KBUILD_BUILD_HOST", "holdfast"},
                 {"KBUILD_BUILD_VERSION", "1"},
                 {"LOCALVERSION", ""},
                 {"GIT_CEILING_DIRECTORIES", root_.string()}};
  const auto ccache = ccache_environment(root_, cache_);
  if (ccache) command.env.insert(ccache->begin(), ccache->end());
  const std::string compiler = ccache ? "ccache gcc" : "gcc";
  command.argv.insert(command.argv.end(), {"make", "ARCH=x86_64", "CC=" + compiler, "HOSTCC=" + compiler});
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  lock_.share_with(command);
  TRY(note_in(log_, fmt::format("$ {}\n", shell_quote(command.argv))));
  return TRY(run_followed(command, log_, deadline, tick)).success();
}

Result<void> BuildArea::clean(const Deadline& deadline, const ProgressSink& progress) const {
  std::error_code ignored;
  const bool dirty = fs::exists(source() / ".config", ignored) || fs::exists(source() / "include/config", ignored) ||
                     fs::exists(source() / "include/generated", ignored) ||
                     fs::exists(source() / "arch/x86/include/generated", ignored);
  if (!dirty) return {};
  const Step step(progress, "clean");
  if (TRY(make({"mrproper"}, deadline, [] {}))) return {};
  return explain("clean the copy of the tree");
}

Result<KernelConfig> BuildArea::configure(const std::vector<ConfigWish>& wishes, const Deadline& deadline,
                                          const ProgressSink& progress) const {
  const Step step(progress, "configure");
  const fs::path fragment = objects() / "holdfast.config";
  TRY(make_dirs(objects()));
  TRY(write_file(fragment, to_fragment(wishes)));
  const bool made =
      TRY(make({"O=obj", "allnoconfig", fmt::format("KCONFIG_ALLCONFIG={}", fragment.string())}, deadline, [] {}));
  if (!made) return explain("configure the kernel");
  KernelConfig config = parse_config(TRY(read_file(objects() / ".config")));
  TRY(verify_config(wishes, config, source()));
  return config;
}

Result<uint64_t> BuildArea::compile(const CompileWish& wish, const Deadline& deadline,
                                    const ProgressSink& progress) const {
  Step step(progress, "compile", {}, wish.expected);
  ObjectCounter counter(log_);
  const unsigned parallel = wish.jobs != 0 ? wish.jobs : std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::string> arguments = {"O=obj", fmt::format("-j{}", parallel), "bzImage"};
  if (wish.in_pieces) arguments.emplace_back("--output-sync=target");
  if (wish.modules) arguments.emplace_back("modules");
  const bool made = TRY(make(std::move(arguments), deadline, [&] {
    counter.look();
    step.at(counter.objects(), counter.last());
  }));
  counter.look();
  if (!made) return explain("build the kernel");
  step.end(counter.objects());
  return counter.objects();
}

Result<void> BuildArea::install_modules(const fs::path& into, const Deadline& deadline) const {
  const bool made =
      TRY(make({"O=obj", "modules_install", fmt::format("INSTALL_MOD_PATH={}", into.string()), "INSTALL_MOD_STRIP=1"},
               deadline, [] {}));
  if (!made) return explain("install the modules");
  // Links into the build area, which is about to go.
  std::error_code failed;
  for (fs::directory_iterator entry(into / "lib/modules", failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    std::error_code ignored;
    fs::remove(entry->path() / "build", ignored);
    fs::remove(entry->path() / "source", ignored);
  }
  return {};
}

Error BuildArea::explain(std::string_view doing) const {
  const auto log = read_file(log_);
  const std::string text = log ? *log : std::string();
  if (text.find("No space left on device") != std::string::npos) return disk_full(root_, doing);
  if (text.find("Killed signal terminated program") != std::string::npos) {
    return lab_error("memory", fmt::format("could not {}: the compiler was killed, probably for want of memory", doing))
        .because("use fewer --jobs")
        .with("log", log_.string());
  }
  std::string errors = first_errors(text);
  if (errors.empty()) errors = std::string(last_lines(text, 12));
  const std::string_view first = std::string_view(errors).substr(0, errors.find('\n'));
  return kernel_error("build", fmt::format("could not {}: {}", doing, trim(first)))
      .because(fmt::format("the whole log is {}", log_.string()))
      .with("first errors", errors)
      .with("log", log_.string());
}

}  // namespace holdfast
