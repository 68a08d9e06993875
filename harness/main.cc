// Where does the program begin? The composition root: the only file of the harness that names what is in lab/,
// reports/ and fixtures/. Each verb is put together here from parts that know nothing of each other.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <memory>

#include "fixtures/case_main.h"
#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/capacity.h"
#include "harness/case_process.h"
#include "harness/checkup.h"
#include "harness/kernel/data_dir.h"
#include "harness/kernel/kernel_verbs.h"
#include "harness/listing.h"
#include "harness/options.h"
#include "harness/run.h"
#include "lab/inventory.h"
#include "lab/qemu/check.h"
#include "lab/qemu/parts.h"
#include "lab/qemu/qemu_target.h"
#include "reports/artifacts.h"
#include "reports/journal.h"
#include "reports/junit.h"
#include "reports/printer.h"
#include "reports/terminal.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVersion = "0.1.0";
constexpr const char* kBuiltinTarget = "qemu";

const Stop* stop_of_signals = nullptr;

/// SIGINT, SIGTERM and SIGHUP ask for a clean release; a second one changes nothing, since releasing has a deadline.
void stop_on_signals(const Stop& stop) {
  stop_of_signals = &stop;
  struct sigaction action{};
  action.sa_handler = [](int) { stop_of_signals->request(); };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

fs::path own_path() { return fs::read_symlink("/proc/self/exe"); }
fs::path agent_path() { return own_path().parent_path() / "holdfast-agent"; }

/// The option parser let nothing else pass.
lab::AccelWish accel_wish(const MachineOptions& machine) {
  return lab::accel_wish_from(machine.accel).value_or(lab::AccelWish::kAuto);
}

std::vector<TargetProfile> known_targets(int slots) {
  return {{.name = kBuiltinTarget,
           .devices = lab::builtin_devices(),
           .traits = {"emulated", "bus-numbers-can-move", "hot-plug"},
           .slots = slots}};
}

Result<std::vector<TargetProfile>> chosen_targets(const std::vector<std::string>& names, int slots) {
  auto known = known_targets(slots);
  if (names.empty()) return known;
  std::vector<TargetProfile> chosen;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(known, name, &TargetProfile::name);
    if (found == known.end()) {
      return usage_error(fmt::format("no target is called '{}'; did you mean '{}'?", name, kBuiltinTarget))
          .because("`holdfast list targets` shows them all");
    }
    chosen.push_back(*found);
  }
  return chosen;
}

/// The same choice, written so that it means the same in any folder.
KernelOptions from_anywhere(KernelOptions options) {
  for (std::string* k : {&options.kernel, &options.next_kernel}) {
    if (k->find('/') != std::string::npos) *k = fs::absolute(*k).string();
  }
  if (!options.modules.empty()) options.modules = fs::absolute(options.modules);
  return options;
}

struct Kernels {
  KernelImage a;
  KernelImage b;
  fs::path modules;
};

Result<Kernels> resolve_kernels(const KernelOptions& options, const Deadline& deadline) {
  const std::string name = options.kernel.empty() ? std::string(kernel::kReference) : options.kernel;
  Kernels kernels;
  kernels.a = TRY(kernel::resolve(name, deadline));
  kernels.b = kernels.a;
  if (!options.next_kernel.empty()) kernels.b = TRY(kernel::resolve(options.next_kernel, deadline));
  kernels.modules = options.modules.empty() ? kernels.a.modules : options.modules;
  if (!options.modules.empty() && !fs::is_directory(options.modules)) {
    return usage_error(fmt::format("--modules: there is no folder {}", options.modules.string()))
        .because("give the folder that `make modules_install` filled: lib/modules/<release>");
  }
  return kernels;
}

/// Hands each event to all sinks, in their order.
class Broadcast : public EventSink {
 public:
  void add(std::unique_ptr<EventSink> sink) { sinks_.push_back(std::move(sink)); }
  void on(const Event& event) override {
    for (const auto& sink : sinks_) sink->on(event);
  }

 private:
  std::vector<std::unique_ptr<EventSink>> sinks_;
};

class Program {
 public:
  Program(int argc, char** argv, const Stop& stop) : argv_(argv, argv + argc), stop_(stop) {}

  int operator()(const JustPrint& what) {
    out_.line(trim(what.text));
    return 0;
  }
  int operator()(const RunOptions& options) { return shown(run(options)); }
  int operator()(const CaseOptions& options) { return shown(one_case(options)); }
  int operator()(const ListOptions& options) { return shown(list(options)); }
  int operator()(const CheckOptions& options) { return shown(check(options)); }
  int operator()(const KernelFetchOptions&) { return shown(fetch()); }
  int operator()(const KernelBuildOptions& options) { return shown(build(options)); }
  int operator()(const KernelListOptions& options) { return shown(list({"kernels", options.json})); }
  int operator()(const KernelRemoveOptions& options) { return shown(remove(options)); }

  int shown(const Result<int>& result) {
    if (result) return *result;
    if (result.error().kind == "stopped") return 130;
    reports::print_error(err_, result.error());
    return kExitUsage;
  }

 private:
  Deadline patience() const { return Deadline::never(&stop_); }

  Result<int> run(const RunOptions& options) {
    const int jobs =
        options.jobs > 0 ? options.jobs : machines_at_once(options.machine.cpus, options.machine.memory_mib);
    const auto targets = TRY(chosen_targets(options.targets, jobs));
    const lab::Inventory inventory = TRY(lab::read_inventory(options.lab));
    const Kernels kernels = TRY(resolve_kernels(options.kernels, patience()));
    const OtherKernels others = TRY(find_other_kernels(all_cases(), patience()));
    const Plan plan = TRY(make_plan(all_cases(), targets, options.selection, {kernels.a, kernels.b, others}));
    if (options.dry_run) {
      reports::print_table(out_, list_plan(plan).rows);
      return 0;
    }
    if (plan.cases.empty()) {
      reports::print_error(err_, usage_error(fmt::format("no case matches '{}'", options.selection.filter))
                                     .because("`holdfast list cases` shows them all"));
      return 3;
    }
    RunSettings settings = TRY(settings_for(options, kernels, others));
    settings.allowances = inventory.allowances;
    Broadcast sinks;
    TRY(add_reports(sinks, settings, options));
    return carry_out(plan, targets, {settings, sinks, stop_});
  }

  Result<RunSettings> settings_for(const RunOptions& options, const Kernels& kernels, const OtherKernels& others) {
    RunSettings settings;
    settings.run_id = random_hex(3);
    const auto stamp = reports::folder_stamp(std::chrono::system_clock::now());
    settings.dir = TRY(reports::create_run_folder(fs::absolute(options.out), stamp, settings.run_id));
    settings.retry_infra = options.retry_infra;
    settings.repeat = options.repeat;
    settings.failfast = options.failfast;
    settings.timeout_scale = options.timeout_scale;
    settings.kernels = fmt::format("{}..{}", kernels.a.release, kernels.b.release);
    // The case's process gets resolved paths: what a name means may change while the run goes on.
    KernelOptions resolved = options.kernels;
    resolved.kernel = kernels.a.path.string();
    resolved.next_kernel = kernels.b.path.string();
    resolved.modules = kernels.modules;
    settings.case_argv = {own_path().string(), "case", "--timeout-scale", fmt::format("{}", options.timeout_scale)};
    std::ranges::copy(to_argv(resolved, options.machine), std::back_inserter(settings.case_argv));
    std::ranges::copy(to_argv(others), std::back_inserter(settings.case_argv));
    settings.gtest_args = options.gtest_args;
    settings.replay_argv = {own_path().string(), "run"};
    if (!options.lab.empty()) {
      for (auto* argv : {&settings.case_argv, &settings.replay_argv}) {
        argv->push_back(fmt::format("--lab={}", fs::absolute(options.lab).string()));
      }
    }
    std::ranges::copy(to_argv(from_anywhere(options.kernels), options.machine),
                      std::back_inserter(settings.replay_argv));
    settings.properties = {{"program", fmt::format("holdfast {}", kVersion)},
                           {"command_line", shell_quote(argv_)},
                           {"target", kBuiltinTarget},
                           {"kernel", fmt::format("{} ({})", kernels.a.release, kernels.a.path.string())},
                           {"next_kernel", fmt::format("{} ({})", kernels.b.release, kernels.b.path.string())},
                           {"kernel.build_id", kernels.a.build_id},
                           {"next_kernel.build_id", kernels.b.build_id}};
    return settings;
  }

  Result<void> add_reports(Broadcast& sinks, const RunSettings& settings, const RunOptions& options) {
    const reports::OnTrouble tell = [this](const Error& error) { reports::print_error(err_, error); };
    sinks.add(TRY(reports::Journal::open(settings.dir / "journal.jsonl", tell)));
    const reports::RunIdentity identity{.program_version = std::string(kVersion), .argv = argv_, .host = host_name()};
    sinks.add(std::make_unique<reports::Artifacts>(settings.dir, identity, tell));
    sinks.add(std::make_unique<reports::JunitReport>(settings.dir / "junit.xml", tell));
    if (!options.junit.empty()) sinks.add(std::make_unique<reports::JunitReport>(fs::absolute(options.junit), tell));
    const auto verbosity = static_cast<reports::Verbosity>(options.verbosity);
    sinks.add(std::make_unique<reports::TerminalReport>(
        out_, reports::TerminalOptions{.verbosity = verbosity, .junit = options.junit}));
    return {};
  }

  static std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string("localhost");
  }

  /// The process of one case. Everything it has to say goes through the pipe; its exit code tells nothing.
  Result<int> one_case(const CaseOptions& options) {
    EventPipe events(options.events_fd);
    const CaseInfo* info = find_case(options.case_name);
    if (info == nullptr) return usage_error(fmt::format("no case is called '{}'", options.case_name));
    const auto targets = TRY(chosen_targets({options.target}, 1));
    std::vector<Device> devices;
    for (const std::string& role : options.devices) {
      const auto found = std::ranges::find(targets.front().devices, role, &Device::role);
      if (found == targets.front().devices.end()) return usage_error(fmt::format("no device is called '{}'", role));
      devices.push_back(*found);
    }
    Where where{.target = options.target, .id = {info->suite, info->name, ""}, .attempt = options.attempt};
    if (devices.size() == 1) where.id.device = devices.front().role;
    const lab::Inventory inventory = TRY(lab::read_inventory(options.lab));
    const Kernels kernels = TRY(resolve_kernels(options.kernels, patience()));
    const fs::path dir = options.run_dir / attempt_dir(where);
    auto target = lab::make_qemu_target(TRY(machine_for(options, where, dir)));
    if (!target) {
      events.on(AttemptEnded{.where = where, .verdict = Verdict::from(target.error()), .properties = {}, .dir = {}});
      return 0;
    }
    ScenarioSetup setup{.target = **target,
                        .events = events,
                        .where = where,
                        .dir = dir,
                        .kernel = kernels.a,
                        .next_kernel = kernels.b,
                        .modules = kernels.modules,
                        .append = options.kernels.append,
                        .next_append = options.kernels.next_append,
                        .other_kernels = TRY(other_kernels_from(options.other_kernels, patience())),
                        .devices = std::move(devices),
                        .allowances = inventory.allowances,
                        .timeout_scale = options.timeout_scale,
                        .stop = &stop_};
    AttemptEnded ended = run_case(*info, std::move(setup), options.gtest_args);
    events.on(SuiteFacts{.suite = "", .properties = (*target)->facts()});
    target->reset();  // the machine is gone before its case is said to be over
    std::error_code ignored;
    if (ended.verdict.outcome == Outcome::kPassed)
      fs::remove_all(dir / "vm", ignored);  // else QEMU's words are evidence
    events.on(ended);
    return 0;
  }

  static Result<lab::QemuConfig> machine_for(const CaseOptions& options, const Where& where, const fs::path& dir) {
    lab::QemuConfig config;
    config.name = options.target;
    config.memory_mib = static_cast<unsigned>(options.machine.memory_mib);
    config.cpus = static_cast<unsigned>(options.machine.cpus);
    config.accel = accel_wish(options.machine);
    config.agent = agent_path();
    config.work_dir = dir / "vm";
    config.console_log = dir / "console.log";
    config.target_log = options.run_dir / "targets" / options.target / "console.log";
    config.slot = fmt::format("{}#{}", where.id.key(), where.attempt);
    config.cache_dir = TRY(cache_dir());
    TRY(make_dirs(config.work_dir));
    TRY(make_dirs(config.target_log.parent_path()));
    return config;
  }

  Result<int> list(const ListOptions& options) {
    const std::vector<std::string> known{"cases", "targets", "devices", "kernels"};
    Listing listing;
    if (options.what == "cases") {
      listing = list_cases(all_cases());
    } else if (options.what == "targets") {
      listing = list_targets(known_targets(1));
    } else if (options.what == "devices") {
      listing = list_devices(known_targets(1));
    } else if (options.what == "kernels") {
      const auto kernels = TRY(kernel::list());
      listing = {list_kernels(kernels), kernel::to_json(kernels)};
    } else {
      const auto close = nearest(options.what, known);
      return usage_error(fmt::format("there is no list of '{}'{}", options.what,
                                     close ? fmt::format("; did you mean '{}'?", *close) : ""))
          .because("give one of " + join(known, ", "));
    }
    if (options.json) {
      out_.line(trim(listing.json));
    } else {
      reports::print_table(out_, listing.rows);
    }
    return 0;
  }

  static std::vector<std::vector<std::string>> list_kernels(const std::vector<StoredKernel>& kernels) {
    std::vector<std::vector<std::string>> rows{{"KERNEL", "RELEASE", "SERIES", "SOURCE", "BUILT"}};
    for (const StoredKernel& one : kernels) {
      const std::string name = one.names.empty() ? one.key.substr(0, 12) : join(one.names, ",");
      rows.push_back({name, one.release, one.series.empty() ? "-" : one.series, one.source, one.built_at});
    }
    return rows;
  }

  Result<int> check(const CheckOptions& options) {
    const auto targets = TRY(chosen_targets(options.targets, 1));
    auto findings = lab::check_qemu(accel_wish(options.machine), agent_path(), TRY(cache_dir()));
    const auto kernels = resolve_kernels(options.kernels, patience());
    findings.push_back(check_kernel("kernel", kernels ? Result<KernelImage>(kernels->a) : kernels.error()));
    if (kernels && !options.kernels.next_kernel.empty()) {
      findings.push_back(check_kernel("next kernel", kernels->b));
    }
    if (kernels) {
      std::ranges::copy(check_other_kernels(all_cases(), TRY(find_other_kernels(all_cases(), patience())), kernels->a),
                        std::back_inserter(findings));
    }
    reports::print_table(out_, to_rows(targets.front().name, findings));
    return ready(findings) ? 0 : kExitUsage;
  }

  ProgressSink show_in(reports::Progress& progress) {
    return [&progress](const Progress& now) {
      std::string state = now.step;
      if (!now.detail.empty()) state += " " + now.detail;
      if (now.total > 0) state += fmt::format(" {} %", std::min<uint64_t>(100, now.done * 100 / now.total));
      progress.update(state);
    };
  }

  Result<int> fetch() {
    reports::Progress progress(out_, "kernel fetch");
    const FetchedSource source = TRY(kernel::fetch({}, patience(), show_in(progress)));
    for (const std::string& note : source.notes) out_.line("note: " + note);
    progress.done(fmt::format("{}: {} ({})", source.downloaded ? "unpacked" : "was there", source.describe(),
                              source.tree.string()));
    return 0;
  }

  Result<int> build(const KernelBuildOptions& options) {
    reports::Progress progress(out_, "kernel build");
    kernel::BuildOptions wanted{.cache = {},
                                .tree = options.tree,
                                .series = options.series,
                                .config = options.configs,
                                .name = options.name,
                                .jobs = static_cast<unsigned>(options.jobs)};
    const kernel::Built built = TRY(kernel::build(wanted, patience(), show_in(progress)));
    for (const std::string& note : built.notes) out_.line("note: " + note);
    progress.done(fmt::format("{}: {} {} ({})", built.built ? "built" : "was there", join(built.kernel.names, ","),
                              built.kernel.release, built.kernel.image().string()));
    return 0;
  }

  Result<int> remove(const KernelRemoveOptions& options) {
    const StoredKernel gone = TRY(kernel::rm(options.name));
    out_.line(fmt::format("removed {} ({})", options.name, gone.release));
    return 0;
  }

  std::vector<std::string> argv_;
  const Stop& stop_;
  reports::Screen out_{STDOUT_FILENO};
  reports::Screen err_{STDERR_FILENO};
};

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  using namespace holdfast;
  try {
    const auto stop = Stop::create();
    if (!stop) return kExitUsage;
    stop_on_signals(*stop);
    Program program(argc, argv, *stop);
    auto options = parse_options(argc, argv);
    if (!options) return program.shown(std::move(options).error());
    return std::visit(program, *std::move(options));
  } catch (const std::exception& bug) {
    fmt::print(stderr, "holdfast: internal error: {}\n", bug.what());
    return kExitUsage;
  }
}
