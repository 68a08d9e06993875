// What do the verbs of `holdfast lab` print?
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/listing.h"
#include "harness/one_at_a_time.h"
#include "harness/program/custodians.h"
#include "harness/program/program.h"
#include "lab/attach.h"
#include "lab/console/recorder.h"
#include "lab/lab_verbs.h"
#include "lab/lease/marks.h"
#include "lab/metal/power.h"
#include "lab/passthrough/takings.h"
#include "lab/profiles.h"
#include "reports/words.h"

namespace holdfast {
namespace {

/// An inventory with what can be leased, and where its leases are.
struct OpenedLab {
  lab::Inventory inventory;
  lab::Lab lab;

  /// Those with devices of this machine: the others are nobody's.
  std::vector<const lab::VirtualMachine*> vms() const {
    std::vector<const lab::VirtualMachine*> found;
    for (const lab::VirtualMachine& vm : inventory.vms) {
      if (vm.takes_devices()) found.push_back(&vm);
    }
    return found;
  }
  /// By its own name, or as what it is leased: errors and the folder of leases have that.
  const lab::VirtualMachine* vm(const std::string& name) const {
    const lab::VirtualMachine* found = lab::find_vm(inventory, std::string_view(name).substr(0, name.find('@')));
    return found != nullptr && found->takes_devices() ? found : nullptr;
  }
  /// As what a host or such a virtual machine is leased. Errors: harness.usage with the nearest name.
  Result<std::string> lease_of(const std::string& name) const {
    if (const lab::VirtualMachine* found = vm(name)) return lab::lease_name(*found);
    return TRY(host(name))->name;
  }

  /// Errors: harness.usage with the nearest name.
  Result<const lab::Host*> host(const std::string& name) const {
    if (const lab::Host* found = lab::find_host(inventory, name)) return found;
    std::vector<std::string> names;
    for (const lab::Host& one : inventory.hosts) names.push_back(one.name);
    for (const lab::VirtualMachine* one : vms()) names.push_back(one->name);
    if (vm(name) != nullptr) {
      return usage_error(
          fmt::format("{} is a virtual machine of this computer: it has neither power switch nor console "
                      "of its own",
                      name));
    }
    const auto close = nearest(name, names);
    return usage_error(fmt::format("no host is called '{}'; did you mean '{}'?", name, close.value_or(names.front())))
        .because("the inventory has: " + join(names, ", "));
  }
};

Result<OpenedLab> open(const std::filesystem::path& file) {
  if (file.empty()) {
    return usage_error("there is no inventory").because("give --lab FILE, or set HOLDFAST_LAB; see lab/README.md");
  }
  OpenedLab opened{.inventory = TRY(lab::read_inventory(file)), .lab = {}};
  if (opened.inventory.hosts.empty() && opened.vms().empty()) {
    return usage_error(fmt::format("{} has no [[host]], and no [[vm]] with a [[vm.device]]", file.string()));
  }
  opened.lab = TRY(lab::open_lab(opened.inventory.leases));
  return opened;
}

Result<std::unique_ptr<Power>> first_switch(const lab::Host& host) {
  if (host.power.empty()) {
    return usage_error(fmt::format("{} has no power switch", host.name))
        .because(fmt::format("give it one at {}: [[host.power]]", host.declared_at));
  }
  return std::unique_ptr<Power>(TRY(lab::make_power(host.power.front())));
}

/// What happens on the way to a healthy host, a line each.
class Telling : public EventSink {
 public:
  explicit Telling(reports::Screen& screen) : screen_(screen) {}
  void on(const Event& event) override {
    if (const auto* note = std::get_if<Note>(&event)) screen_.line(note->text);
    if (const auto* tried = std::get_if<Recovery>(&event)) screen_.line(reports::sentence(*tried));
  }

 private:
  reports::Screen& screen_;
};

/// A console that nobody records: held open as long as this lives.
struct OwnConsole {
  TempDir folder;
  std::unique_ptr<lab::ConsoleRecorder> recorder;
};

Result<OwnConsole> open_console(const lab::Host& host, Program& program) {
  TempDir folder = TRY(TempDir::create("holdfast-console"));
  const auto dir = folder.path();
  auto recorder = TRY(
      lab::ConsoleRecorder::start(host.console, {.raw = dir / "raw", .lines = dir / "lines", .socket = dir / "socket"},
                                  [&program](const std::string& text) { program.err.line(text); }));
  return OwnConsole{.folder = std::move(folder), .recorder = std::move(recorder)};
}

/// Its lease, and then whatever devices of this machine dead runs have left.
Result<int> release_vm(const lab::VirtualMachine& vm, const lab::Lab& lab, const LabReleaseOptions& options,
                       Program& program) {
  const std::string name = TRY(lab::lease_name(vm));
  for (const std::string& done : TRY(lab::release_host(name, lab, {.force = options.force}, program.patience()))) {
    program.out.line(done);
  }
  const auto back = TRY(lab::restore_leftovers(TRY(taking_place()), program.patience().at_most(kRestoreLimit)));
  for (const std::string& line : lab::to_lines(back)) program.out.line(line);
  return 0;
}

}  // namespace

Result<int> lab_verb(Program& program, const LabStatusOptions& options) {
  const OpenedLab opened = TRY(open(options.lab));
  auto statuses = lab::lab_status(opened.inventory.hosts, opened.lab, options.power ? first_switch : lab::OpenPower(),
                                  program.patience().at_most(Millis(60'000)));
  if (const auto vms = opened.vms(); !vms.empty()) {
    const auto takings = TRY(lab::read_takings(TRY(taking_place()).folder));
    for (const lab::VirtualMachine* vm : vms) statuses.push_back(lab::vm_status(*vm, opened.lab, takings));
  }
  const auto rows = lab::to_rows(statuses);
  if (options.json) {
    program.out.text(rows_as_json(rows));
  } else {
    reports::print_table(program.out, rows);
  }
  return 0;
}

Result<int> lab_verb(Program& program, const LabReserveOptions& options) {
  const OpenedLab opened = TRY(open(options.lab));
  const std::string name = TRY(opened.lease_of(options.target));
  const auto kept = TRY(lab::reserve(opened.lab.place(name), options.why, TRY(lab::parse_span(options.span)),
                                     opened.lab.timing, program.patience()));
  program.out.line(fmt::format("{}: {}", options.target, lab::reservation_text(kept, opened.lab.timing.clock.wall())));
  return 0;
}

Result<int> lab_verb(Program& program, const LabReleaseOptions& options) {
  const OpenedLab opened = TRY(open(options.lab));
  if (const lab::VirtualMachine* vm = opened.vm(options.target)) return release_vm(*vm, opened.lab, options, program);
  const lab::Host& host = *TRY(opened.host(options.target));
  lab::ReleaseOptions release{.force = options.force, .heal = {}};
  if (options.heal) {
    release.heal = [&](const Deadline& deadline) -> Result<void> {
      Telling telling(program.err);
      OneAtATime events(telling);
      return heal_host(host, opened.lab, events, deadline);
    };
  }
  for (const std::string& done : TRY(lab::release_host(host.name, opened.lab, release, program.patience()))) {
    program.out.line(done);
  }
  return 0;
}

Result<int> lab_verb(Program& program, const LabPowerOptions& options) {
  const OpenedLab opened = TRY(open(options.lab));
  const lab::Host& host = *TRY(opened.host(options.target));
  const lab::PowerOrder order{.word = options.action, .force = options.force};
  const std::string state = TRY(lab::switch_power(host, opened.lab, order, first_switch, program.patience()));
  program.out.line(fmt::format("{}: {}", host.name, state));
  return 0;
}

Result<int> lab_verb(Program& program, const LabConsoleOptions& options) {
  const OpenedLab opened = TRY(open(options.lab));
  const lab::Host& host = *TRY(opened.host(options.target));
  std::optional<OwnConsole> own;  // when nobody records it: from here on we do, as long as the terminal is on it
  auto socket = TRY(lab::recorder_of(host.name, opened.lab));
  if (!socket) {
    own = TRY(open_console(host, program));
    socket = own->folder.path() / "socket";
  }
  program.err.line(fmt::format("{}: ~. at the beginning of a line ends this", host.name));
  const auto how =
      TRY(lab::attach_terminal(STDIN_FILENO, STDOUT_FILENO, TRY(lab::connect_console(*socket)), program.stop));
  if (how == lab::Detached::kStopped) return 130;
  if (how == lab::Detached::kClosed)
    return lab_error("console-ended", fmt::format("{}'s console was closed", host.name));
  return 0;
}

}  // namespace holdfast
