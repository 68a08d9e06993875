// What did runs leave behind that died, in all the places where holdfast makes something?
#include "harness/program/leftovers.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/kernel/data_dir.h"
#include "harness/left_files.h"
#include "harness/program/custodians.h"
#include "lab/lease/left_leases.h"
#include "lab/passthrough/takings.h"
#include "lab/qemu/left_vms.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

void add(std::vector<Leftover>& all, std::vector<Leftover> more) { std::ranges::move(more, std::back_inserter(all)); }

std::vector<Leftover> left_devices(const lab::Owner& self) {
  const auto folder = lab::takings_folder();
  const auto takings = folder ? lab::read_takings(*folder) : Result<std::vector<lab::Taking>>(folder.error());
  std::vector<Leftover> left;
  if (!takings) {
    return {{.what = "devices that were taken",
             .whose = takings.error().what,
             .done = "given back",
             .clean = [error = takings.error()](const Deadline&) -> Result<void> { return error; }}};
  }
  for (const lab::Taking& taking : *takings) {
    if (!lab::is_left_over(taking, self)) continue;
    std::vector<std::string> names;
    for (const lab::TakenFunction& function : taking.functions) names.push_back(function.bdf);
    left.push_back(
        {.what = fmt::format("{} with vfio-pci", join(names, " ")),
         .whose = fmt::format("taken by process {} of {}, which is gone", taking.owner.pid, taking.owner.name()),
         .done = "given back",
         .clean = [](const Deadline& deadline) -> Result<void> {
           TRY(lab::restore_leftovers(TRY(taking_place()), deadline.at_most(kRestoreLimit)));
           return {};
         }});
  }
  return left;
}

/// Its lock is there and nobody holds it, and it never told of its end.
bool was_cut_off(const fs::path& run) {
  std::error_code missing;
  if (!fs::exists(run / "lock", missing) || !fs::exists(run / "settings.json", missing)) return false;
  const auto lock = FileLock::try_take(run / "lock");
  if (!lock || !*lock) return false;
  const auto manifest = read_file(run / "manifest.json");
  return !manifest || manifest->find("\n  \"ended\":") == std::string::npos;
}

std::vector<Leftover> left_runs(const fs::path& out) {
  std::vector<Leftover> left;
  std::error_code failed;
  for (fs::directory_iterator entry(out, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    std::error_code ignored;
    if (entry->is_symlink(ignored) || !was_cut_off(entry->path())) continue;
    left.push_back({.what = fmt::format("run {}", entry->path().string()),
                    .whose = "was cut off",
                    .done = fmt::format("stays: `holdfast run --resume {}` goes on with it",
                                        shell_quote(fs::absolute(entry->path()).lexically_normal().string())),
                    .clean = {}});
  }
  std::ranges::sort(left, {}, &Leftover::what);
  return left;
}

fs::path temp_place() {
  std::error_code failed;
  const fs::path place = fs::temp_directory_path(failed);
  return failed ? fs::path("/tmp") : place;
}

/// Tells what happens to a host, to whoever waits for it.
class Telling : public EventSink {
 public:
  explicit Telling(Program& program) : program_(program) {}
  void on(const Event& event) override {
    if (const auto* note = std::get_if<Note>(&event)) program_.err.line(note->text);
    if (const auto* step = std::get_if<Recovery>(&event)) {
      program_.err.line(fmt::format("{}: {} {}", step->target, step->rung, step->ok ? "helped" : "did not help"));
    }
  }

 private:
  Program& program_;
};

/// Why the host has to be brought back; nothing when it is well, or somebody has it.
Result<std::optional<std::string>> why_left(const lab::Host& host, const lab::Lab& lab, const lab::Owner& self,
                                            const Deadline& deadline) {
  if (lab::is_left(lab.place(host.name), self)) return std::optional<std::string>("held by a process that is gone");
  const auto findings = TRY(look_at_host(host, lab, deadline));
  if (ready(findings)) return std::optional<std::string>();
  std::vector<std::string> wrong;
  for (const Finding& one : findings) {
    if (one.state == Finding::State::kMissing) wrong.push_back(fmt::format("{}: {}", one.about, one.what));
  }
  return std::optional("not as between two runs: " + join(wrong, "; "));
}

}  // namespace

std::vector<Leftover> find_leftovers(const lab::Inventory& inventory, const CheckOptions& options) {
  std::vector<Leftover> all;
  if (const auto self = lab::Owner::self()) {
    // Machines first: they use the folders, and the devices.
    add(all, lab::left_vms(*self));
    add(all, left_devices(*self));
    lab::LeaseTiming timing;
    timing.expiry = inventory.leases.expires_after;
    if (!inventory.leases.folder.empty()) add(all, lab::left_leases(inventory.leases.folder, timing, *self));
  }
  add(all, left_folders(temp_place()));
  if (const auto cache = cache_dir()) add(all, left_in_cache(*cache));
  add(all, left_runs(options.out));
  return all;
}

Result<std::vector<Leftover>> find_left_hosts(const std::vector<Machine>& machines, const lab::Inventory& inventory,
                                              Program& program) {
  std::vector<Leftover> left;
  const lab::Owner self = TRY(lab::Owner::self());
  for (const Machine& machine : machines) {
    if (machine.host == nullptr) continue;
    const lab::Lab lab = TRY(lab::open_lab(inventory.leases));
    const auto why = why_left(*machine.host, lab, self, program.patience());
    if (why && !*why) continue;
    left.push_back({.what = fmt::format("host {}", machine.host->name),
                    .whose = why ? **why : why.error().what,
                    .done = "brought back to its own system",
                    .clean = [host = machine.host, lab, &program](const Deadline& deadline) {
                      Telling events(program);
                      return heal_host(*host, lab, events, deadline,
                                       {.purpose = "holdfast check --clean", .ends_quarantine = false});
                    }});
  }
  return left;
}

}  // namespace holdfast
