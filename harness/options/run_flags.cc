// Which flags have the verbs that run cases?
#include <CLI/CLI.hpp>
#include <memory>

#include "harness/options/describe.h"
#include "harness/options/flags.h"

namespace holdfast {
namespace {

void add_scale(CLI::App& verb, double& scale) {
  verb.add_option("--timeout-scale", scale, "multiplies every deadline, for slow machines")
      ->envname("HOLDFAST_TIMEOUT_SCALE")
      ->check(CLI::Range(0.01, 1000.0))
      ->capture_default_str()
      ->group(kFurther);
}

void add_cold(CLI::App& verb, MachineOptions& machine) {
  verb.add_flag("--cold", machine.cold, "boot for each case, and use no snapshot of a machine that was booted before")
      ->group(kFurther);
}

void add_soak(CLI::App& verb, int& soak) {
  verb.add_option("--soak", soak, "so many live updates in a row in the cases of the suite Soak")
      ->check(CLI::Range(2, 10000))
      ->group(kFurther);
}

/// What a plan says instead.
void add_plan(CLI::App& verb, std::filesystem::path& plan) {
  CLI::Option* option = verb.add_option("--plan", plan, "run what stands in a nightly plan, and tell what is new")
                            ->type_name("FILE")
                            ->group(kFurther);
  for (const char* other : {"--target", "--filter", "--device", "--repeat", "--failfast", "--ktap", "--soak", "--until",
                            "--shard", "--continue", "--resume"}) {
    verb.get_option(other)->excludes(option);
  }
}

void add_parts(CLI::App& verb, RunOptions& run) {
  verb.add_option_function<std::string>(
          "--shard",
          [&run](const std::string& text) {
            const auto shard = shard_from(text);
            if (!shard) throw CLI::ValidationError("--shard", shard.error().what + ": " + shard.error().hint);
            run.shard = *shard;
          },
          "run the I-th of N parts of the cases; `report merge` makes a whole of them")
      ->type_name("I/N")
      ->group(kFurther);
  verb.add_option("--times", run.times, "an earlier run, the same for all shards, by whose times they are balanced")
      ->type_name("RUN")
      ->group(kFurther);
  verb.add_option("--continue", run.continue_dir,
                  "the run's own folder: cases that a run there has settled are not run again")
      ->type_name("DIR")
      ->group(kFurther);
}

/// With --resume, what else is given is refused by the verb itself: here the environment cannot be told from a flag.
void add_resume(CLI::App& verb, RunOptions& run) {
  verb.add_option("--resume", run.resume, "go on with a run that was cut off: its folder, or latest")
      ->type_name("RUN")
      ->excludes("--continue")
      ->group(kFurther);
  verb.add_flag("--rerun-interrupted", run.rerun_interrupted,
                "with --resume or --continue: on real machines, too, run the case again that was running")
      ->group(kFurther);
  verb.add_flag("--accept-changes", run.accept_changes,
                "with --resume: go on though kernels, program or plan are others now")
      ->needs("--resume")
      ->group(kFurther);
}

void add_until(CLI::App& verb, std::vector<std::string>& until) {
  verb.add_option(
          "--until", until,
          "end then, and skip what did not fit: a span from the begin, such as 5h, or a time as reports write it "
          "(repeatable: the earliest counts)")
      ->type_name("SPAN|TIME")
      ->group(kFurther);
}

void add_run(CLI::App& app, Chosen& chosen) {
  const auto options = std::make_shared<RunOptions>();
  RunOptions& run = *options;
  CLI::App& verb = *app.add_subcommand("run", "run cases and report");
  add_lab(verb, run.lab);
  verb.add_option("--target", run.targets, "run on this target only (repeatable)")->type_name("T");
  verb.add_option("--filter", run.selection.filter, "patterns joined by ':'; behind ':-' to leave out")
      ->type_name("GLOB")
      ->capture_default_str();
  verb.add_option("--device", run.selection.devices, "use this device only (repeatable)")->type_name("ROLE|BDF");
  add_kernels(verb, run.kernels);
  add_machine(verb, run.machine);
  add_cold(verb, run.machine);
  add_parts(verb, run);
  add_resume(verb, run);
  verb.add_option("--repeat", run.repeat, "run each case so many times; all must pass")->check(CLI::Range(1, 100000));
  verb.add_option("--jobs", run.jobs, "cases at once (default: from cores and memory)")
      ->check(CLI::Range(1, 1024))
      ->group(kFurther);
  verb.add_option("--retry-infra", run.retry_infra, "try again so many times after a lab or harness error")
      ->check(CLI::Range(0, 100))
      ->capture_default_str()
      ->group(kFurther);
  add_soak(verb, run.soak);
  add_until(verb, run.until);
  verb.add_flag("--failfast", run.failfast, "start no further case after a kernel failure")->group(kFurther);
  verb.add_flag("--force", run.force, "take devices of this machine for passthrough though they are in use")
      ->group(kFurther);
  add_scale(verb, run.timeout_scale);
  verb.add_option("--out", run.out, "folder for the results of all runs")
      ->envname("HOLDFAST_OUT")
      ->type_name("DIR")
      ->capture_default_str();
  verb.add_option("--junit", run.junit, "write junit.xml here as well")->type_name("FILE")->group(kFurther);
  verb.add_option("--junit-dialect", run.junit_dialect, "strict (junit-10.xsd) or extended (file, line, properties)")
      ->check(CLI::IsMember({"strict", "extended"}))
      ->capture_default_str()
      ->group(kFurther);
  verb.add_flag("--ktap", run.ktap, "print KTAP, as the kernel's own tests do")->group(kFurther);
  verb.add_flag("--dry-run", run.dry_run, "show the plan and touch nothing");
  verb.add_flag_callback(
      "-q,--quiet", [options] { options->verbosity = Verbosity::kQuiet; }, "print failures and the summary only");
  verb.add_flag_callback(
          "-v,--verbose", [options] { options->verbosity = Verbosity::kVerbose; }, "print phases as they begin and end")
      ->excludes("--quiet");
  add_plan(verb, run.plan);
  verb.footer(
      "Examples:\n"
      "  holdfast run --filter 'Preserve.*' -v --shard 2/8\n"
      "  holdfast run --kernel arch/x86/boot/bzImage your kernel\n"
      "  holdfast run --resume latest               the rest of a run that was killed");
  verb.callback([options, &chosen] { chosen = *options; });
}

void add_case(CLI::App& app, Chosen& chosen) {
  const auto options = std::make_shared<CaseOptions>();
  CaseOptions& one = *options;
  CLI::App& verb = *app.add_subcommand("case", "run one case in this process (started by `run`)");
  verb.group("");  // not for people: not in the list of verbs
  verb.add_option("--target", one.target)->required();
  verb.add_option("--case", one.case_name)->required();
  verb.add_option("--device", one.devices);
  verb.add_option("--attempt", one.attempt);
  verb.add_flag("--several-targets", one.several_targets);
  verb.add_option("--events-fd", one.events_fd)->required();
  verb.add_option("--run-dir", one.run_dir)->required();
  verb.add_option("--console-socket", one.console_socket);
  verb.add_option("--runtime-dir", one.runtime_dir);
  verb.add_option("--lease-file", one.lease_file);
  verb.add_option("--lease-token", one.lease_token);
  add_soak(verb, one.soak);
  verb.add_option("--passed", one.passed);
  add_lab(verb, one.lab);
  add_scale(verb, one.timeout_scale);
  verb.add_option("--other-kernel", one.other_kernels);
  add_kernels(verb, one.kernels);
  add_machine(verb, one.machine);
  add_cold(verb, one.machine);
  verb.callback([options, &chosen] { chosen = *options; });
}

}  // namespace

void add_kernels(CLI::App& verb, KernelOptions& kernels) {
  verb.add_option("--kernel", kernels.kernel, "kernel A: a name that `kernel list` has, or a bzImage")
      ->envname("HOLDFAST_KERNEL")
      ->type_name("K");
  verb.add_option("--next-kernel", kernels.next_kernel, "kernel B, which comes after it (default: A again)")
      ->envname("HOLDFAST_NEXT_KERNEL")
      ->type_name("K");
  verb.add_option("--modules", kernels.modules, "folder with kernel A's modules, when vfio is not built in")
      ->type_name("DIR")
      ->group(kFurther);
  verb.add_option("--append", kernels.append, "words added to kernel A's command line")
      ->type_name("ARGS")
      ->group(kFurther);
  verb.add_option("--next-append", kernels.next_append, "words added to kernel B's command line")
      ->type_name("ARGS")
      ->group(kFurther);
}

void add_machine(CLI::App& verb, MachineOptions& machine) {
  verb.add_option("--accel", machine.accel, "auto (KVM if it proves to work, else TCG), kvm or tcg")
      ->envname("HOLDFAST_ACCEL")
      ->check(CLI::IsMember({"auto", "kvm", "tcg"}))
      ->capture_default_str()
      ->group(kFurther);
  verb.add_option("--memory", machine.memory_mib, "the virtual machine's memory in MiB, at least 512")
      ->envname("HOLDFAST_MEMORY")
      ->check(CLI::Range(512, 1 << 20))
      ->capture_default_str()
      ->group(kFurther);
  verb.add_option("--cpus", machine.cpus, "the virtual machine's CPUs")
      ->envname("HOLDFAST_CPUS")
      ->check(CLI::Range(1, 255))
      ->capture_default_str()
      ->group(kFurther);
}

void add_lab(CLI::App& verb, std::filesystem::path& lab) {
  verb.add_option("--lab", lab, "the lab's inventory: hosts, known warnings")
      ->envname("HOLDFAST_LAB")
      ->type_name("FILE");
}

void add_run_verbs(CLI::App& app, Chosen& chosen) {
  add_run(app, chosen);
  add_case(app, chosen);
}

}  // namespace holdfast
