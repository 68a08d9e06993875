// What does a lab's inventory say? One file after the other, what it includes first.
#include "lab/inventory/inventory.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/base/withheld.h"
#include "harness/kernel/data_dir.h"
#include "lab/inventory/host_reader.h"
#include "lab/inventory/sections.h"
#include "lab/inventory/vm_reader.h"
#include "lab/secret.h"

namespace holdfast::lab {
namespace fs = std::filesystem;
namespace {

constexpr size_t kLargestFile = size_t{1} << 22;

Result<std::string> read_kind(const Table& table) {
  const std::string kind = TRY(table.text_or("kind", Allowance{}.kind));
  const auto& known = allowable_kinds();
  if (std::ranges::find(known, kind) != known.end()) return kind;
  return table.error("kind", fmt::format("kind \"{}\" cannot be allowed{}", kind, did_you_mean(kind, known, '"')))
      .because("only what a kernel survives can be: " + join(known, ", "));
}

Result<Allowance> read_allowance(const Table& table) {
  Allowance allowance;
  allowance.kind = TRY(read_kind(table));
  allowance.title = TRY(table.required_text("title"));
  if (allowance.title.find_first_not_of("*? ") == std::string::npos) {
    return table.error("title", "title allows everything; say what it is about");
  }
  allowance.reason = TRY(table.required_text("reason"));
  allowance.source = table.at();
  return allowance;
}

Result<Leases> read_leases(const Table& table) {
  Leases leases;
  leases.declared_at = table.at();
  leases.folder = TRY(table.path("folder"));
  leases.folder_named = !leases.folder.empty();
  const auto heartbeat = TRY(table.integer("heartbeat_s", {1, 3600}, leases.heartbeat.count()));
  const auto expiry = TRY(table.integer("expires_after_s", {3, 86400}, leases.expires_after.count()));
  if (expiry < 3 * heartbeat) {
    return table
        .error(table.has("expires_after_s") ? "expires_after_s" : "heartbeat_s",
               fmt::format("leases that expire after {} s need a heartbeat every {} s at least, not every {} s", expiry,
                           expiry / 3, heartbeat))
        .because("one heartbeat that is late must not cost a host");
  }
  leases.heartbeat = std::chrono::seconds(heartbeat);
  leases.expires_after = std::chrono::seconds(expiry);
  return leases;
}

/// The same however it is reached.
fs::path whole_path(const fs::path& file) {
  std::error_code ignored;
  const fs::path whole = fs::weakly_canonical(fs::absolute(file, ignored), ignored);
  return whole.empty() ? file : whole;
}

/// Reads a file and what it includes into one inventory.
class Reader {
 public:
  /// `file` is what it is called in errors, and what is relative in it is relative to its folder.
  Result<void> add_file(std::string_view text, const fs::path& file);
  Result<Inventory> finish() &&;

 private:
  Result<void> add_included(const std::string& include, const std::string& at, const fs::path& folder);
  Result<void> add_tables(const Table& table);
  Result<void> add_leases(const Table& table);
  Result<void> take_name(const std::string& name, const Table& table);

  struct Open {
    fs::path whole;
    std::string name;
  };
  Inventory inventory_;
  std::vector<Open> open_;                    ///< each includes the next
  std::vector<fs::path> closed_;              ///< whole
  std::map<std::string, std::string> names_;  ///< of targets, and where they stand
};

Result<void> Reader::add_file(std::string_view text, const fs::path& file) {
  open_.push_back({whole_path(file), file.string()});
  const TomlNode root = TRY(parse_toml(text, file.string()));
  std::error_code ignored;
  const Table table = TRY(Table::open(root, sections::kFile, fs::absolute(file, ignored).parent_path()));
  const auto includes = TRY(table.texts("include"));
  for (const std::string& include : includes) {
    TRY(add_included(include, table.at("include"), file.parent_path()));
  }
  TRY(add_tables(table));
  closed_.push_back(open_.back().whole);
  open_.pop_back();
  return {};
}

/// `folder` is relative where the first file's name is: so the names in errors are short.
Result<void> Reader::add_included(const std::string& include, const std::string& at, const fs::path& folder) {
  const fs::path path = TRY_IN(at, resolve_path(include, folder));
  const fs::path whole = whole_path(path);
  const auto again = std::ranges::find(open_, whole, &Open::whole);
  if (again != open_.end()) {
    std::vector<std::string> circle;
    for (auto one = again; one != open_.end(); ++one) circle.push_back(one->name);
    circle.push_back(again->name);
    return error_at(at, fmt::format("files include each other in a circle: {}", join(circle, " -> ")));
  }
  if (std::ranges::find(closed_, whole) != closed_.end()) return {};
  const auto text = read_file(path, kLargestFile);
  if (!text) return error_at(at, fmt::format("include: {}", text.error().what));
  auto added = add_file(*text, path);
  if (!added) added.error().what += fmt::format(", included at {}", at);
  return added;
}

Result<void> Reader::take_name(const std::string& name, const Table& table) {
  const auto [taken, fresh] = names_.emplace(name, table.at("name"));
  if (fresh) return {};
  return table.error("name", fmt::format("the name '{}' is taken: {}", name, taken->second))
      .because("hosts and virtual machines are all targets: `--target` names one");
}

Result<void> Reader::add_leases(const Table& table) {
  const auto leases = TRY(table.table("leases", sections::kLeases));
  if (!leases) return {};
  if (!inventory_.leases.declared_at.empty()) {
    return table.error("leases", fmt::format("leases are there already: {}", inventory_.leases.declared_at));
  }
  inventory_.leases = TRY(read_leases(*leases));
  return {};
}

Result<void> Reader::add_tables(const Table& table) {
  const auto hosts = TRY(table.tables("host", sections::kHost));
  for (const Table& one : hosts) {
    Host host = TRY(read_host(one));
    TRY(take_name(host.name, one));
    inventory_.hosts.push_back(std::move(host));
  }
  const auto vms = TRY(table.tables("vm", sections::kVm));
  for (const Table& one : vms) {
    VirtualMachine vm = TRY(read_vm(one));
    TRY(take_name(vm.name, one));
    inventory_.vms.push_back(std::move(vm));
  }
  const auto allowances = TRY(table.tables("allow", sections::kAllow));
  for (const Table& one : allowances) inventory_.allowances.push_back(TRY(read_allowance(one)));
  return add_leases(table);
}

Result<Inventory> Reader::finish() && {
  Leases& leases = inventory_.leases;
  const auto state = state_dir();
  if (leases.folder.empty() && state) leases.folder = *state / "leases";
  if (leases.folder.empty() && !inventory_.hosts.empty()) {
    return error_at(inventory_.hosts.front().declared_at, "there is no folder for the leases of hosts")
        .because("write folder = \"...\" in [leases], or set XDG_STATE_HOME or HOME");
  }
  return std::move(inventory_);
}

}  // namespace

Result<Inventory> parse_inventory(std::string_view text, const std::string& name) {
  Reader reader;
  TRY(reader.add_file(text, name));
  return std::move(reader).finish();
}

Result<Inventory> read_inventory(const fs::path& file) {
  if (file.empty()) return parse_inventory("", "");
  const auto text = read_file(file, kLargestFile);
  if (!text) return usage_error(fmt::format("--lab: {}", text.error().what));
  auto inventory = TRY(parse_inventory(*text, file.string()));
  for (const Host& host : inventory.hosts) {
    for (const SecretSource& secret : secrets_of(host)) {
      if (!secret.variable.empty()) withhold_variable(secret.variable);
    }
  }
  return inventory;
}

}  // namespace holdfast::lab
