// Which kernels has this machine built, and where are they?
#include "harness/kernel/kernel_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

constexpr size_t kKeyDigits = 64;
constexpr size_t kFewestDigits = 8;
constexpr std::string_view kStagingPrefix = ".new-";
constexpr std::string_view kRemovedPrefix = ".old-";

bool is_key(std::string_view text) {
  return text.size() == kKeyDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The names of what is in a folder; none when it is not there.
std::vector<std::string> entries(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    found.push_back(entry->path().filename().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Each name and the key that it means.
std::map<std::string, std::string> read_names(const fs::path& folder) {
  std::map<std::string, std::string> names;
  for (const std::string& name : entries(folder)) {
    const auto key = valid_kernel_name(name) ? read_file(folder / name) : Result<std::string>(std::string());
    if (key && is_key(trim(*key))) names[name] = std::string(trim(*key));
  }
  return names;
}

std::string to_json(const StoredKernel& kernel) {
  const nlohmann::json json = {{"release", kernel.release},   {"build_id", kernel.build_id},
                               {"source", kernel.source},     {"series", kernel.series},
                               {"compiler", kernel.compiler}, {"built_at", kernel.built_at},
                               {"objects", kernel.objects}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::optional<StoredKernel> read_kernel(const fs::path& dir) {
  const auto text = read_file(dir / "meta.json");
  if (!text || !fs::exists(dir / "bzImage")) return std::nullopt;
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto field = [&](const char* name) {
    return json.contains(name) && json[name].is_string() ? json[name].get<std::string>() : std::string();
  };
  StoredKernel kernel;
  kernel.key = dir.filename().string();
  kernel.dir = dir;
  kernel.release = field("release");
  kernel.build_id = field("build_id");
  kernel.source = field("source");
  kernel.series = field("series");
  kernel.compiler = field("compiler");
  kernel.built_at = field("built_at");
  if (json.contains("objects") && json["objects"].is_number_unsigned()) kernel.objects = json["objects"];
  return kernel;
}

}  // namespace

bool valid_kernel_name(std::string_view name) {
  constexpr std::string_view kAlnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  if (name.empty() || name.size() > 64 || name == "none" || is_key(name)) return false;
  if (kAlnum.find(name.front()) == std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return kAlnum.find(c) != std::string_view::npos || std::string_view("._+-").find(c) != std::string_view::npos;
  });
}

Result<void> check_kernel_name(std::string_view name) {
  if (valid_kernel_name(name)) return {};
  return usage_error(fmt::format("{} cannot be the name of a kernel", shell_quote(name)))
      .because("letters, digits and ._+- with a letter or digit first, at most 64");
}

fs::path StoredKernel::modules() const {
  std::error_code ignored;
  return fs::is_directory(dir / "modules", ignored) ? dir / "modules" : fs::path();
}

std::string StoredKernel::origin() const { return series.empty() ? source : fmt::format("{} with {}", source, series); }

std::vector<StoredKernel> KernelStore::list() const {
  const auto known = read_names(names());
  std::vector<StoredKernel> found;
  for (const std::string& key : entries(kernels())) {
    if (!is_key(key)) continue;
    auto kernel = read_kernel(kernels() / key);
    if (!kernel) continue;
    for (const auto& [name, of] : known) {
      if (of == key) kernel->names.push_back(name);
    }
    found.push_back(*std::move(kernel));
  }
  std::stable_sort(found.begin(), found.end(), [](const StoredKernel& a, const StoredKernel& b) {
    return std::pair(a.names.empty(), a.names) < std::pair(b.names.empty(), b.names);
  });
  return found;
}

std::optional<StoredKernel> KernelStore::by_key(std::string_view key) const {
  if (!is_key(key)) return std::nullopt;
  auto kernel = read_kernel(kernels() / key);
  if (!kernel) return std::nullopt;
  for (const auto& [name, of] : read_names(names())) {
    if (of == key) kernel->names.push_back(name);
  }
  return kernel;
}

std::optional<StoredKernel> KernelStore::find(std::string_view name) const {
  const auto known = read_names(names());
  if (const auto named = known.find(std::string(name)); named != known.end()) return by_key(named->second);
  if (name.size() < kFewestDigits) return std::nullopt;
  std::vector<std::string> keys = entries(kernels());
  std::erase_if(keys, [&](const std::string& key) { return !is_key(key) || !key.starts_with(name); });
  return keys.size() == 1 ? by_key(keys.front()) : std::nullopt;
}

Error KernelStore::unknown(std::string_view name) const {
  std::vector<std::string> known;
  for (const StoredKernel& kernel : list()) known.insert(known.end(), kernel.names.begin(), kernel.names.end());
  const auto near = nearest(name, known);
  std::string hint = near ? fmt::format("did you mean {}? ", *near) : "";
  hint +=
      known.empty() ? "there are none yet: `holdfast kernel build` makes one" : "`holdfast kernel list` shows them all";
  return usage_error(fmt::format("there is no kernel named {}", name)).because(std::move(hint));
}

Result<KernelImage> KernelStore::resolve(std::string_view k, const Deadline& deadline) const {
  if (k.empty()) return usage_error("a kernel's name is empty");
  if (k.find('/') == std::string_view::npos) {
    if (const auto stored = find(k)) {
      KernelImage image = TRY(inspect_kernel(stored->image(), cache_, deadline));
      image.modules = stored->modules();
      image.origin = stored->origin();
      if (!image.config) {
        if (const auto config = read_file(stored->config())) image.config = parse_config(*config);
      }
      return image;
    }
    std::error_code ignored;
    if (!fs::exists(fs::path(k), ignored)) return unknown(k);
  }
  KernelImage image = TRY(inspect_kernel(fs::path(k), cache_, deadline));
  for (const StoredKernel& stored : list()) {
    std::error_code ignored;
    if (fs::equivalent(stored.image(), image.path, ignored)) image.origin = stored.origin();
  }
  return image;
}

Result<fs::path> KernelStore::stage() const {
  const fs::path staged = kernels() / fmt::format("{}{}", kStagingPrefix, random_hex(8));
  TRY(make_dirs(staged));
  return staged;
}

Result<StoredKernel> KernelStore::publish(const fs::path& staged, StoredKernel kernel) const {
  if (!is_key(kernel.key)) return harness_error("store", fmt::format("{} is no key of a kernel", kernel.key));
  TRY(make_dirs(kernels()));
  TRY(write_file_atomic(staged / "meta.json", to_json(kernel)));
  const fs::path place = kernels() / kernel.key;
  std::error_code failed;
  fs::rename(staged, place, failed);
  if (failed && !read_kernel(place)) {
    // A folder without a whole kernel in it stands in the way: somebody has been in the cache by hand.
    std::error_code ignored;
    fs::remove_all(place, ignored);
    failed.clear();
    fs::rename(staged, place, failed);
  }
  if (auto there = by_key(kernel.key)) {
    std::error_code ignored;
    fs::remove_all(staged, ignored);
    return *std::move(there);
  }
  return system_error(fmt::format("put the kernel into {}", place.string()), failed ? failed.value() : EIO);
}

void KernelStore::clear_staging() const {
  for (const std::string& entry : entries(kernels())) {
    std::error_code ignored;
    if (entry.starts_with(kStagingPrefix) || entry.starts_with(kRemovedPrefix))
      fs::remove_all(kernels() / entry, ignored);
  }
}

Result<void> KernelStore::give_name(std::string_view name, std::string_view key) const {
  TRY(check_kernel_name(name));
  TRY(make_dirs(names()));
  return write_file_atomic(names() / name, fmt::format("{}\n", key));
}

Result<StoredKernel> KernelStore::remove(std::string_view name) const {
  const auto kernel = find(name);
  if (!kernel) return unknown(name);
  const bool by_name = std::find(kernel->names.begin(), kernel->names.end(), name) != kernel->names.end();
  std::vector<std::string> gone = kernel->names;
  if (by_name) gone.assign({std::string(name)});
  std::error_code failed;
  for (const std::string& each : gone) {
    if (!fs::remove(names() / each, failed) && failed) {
      return system_error(fmt::format("remove the name {}", each), failed.value());
    }
  }
  if (gone.size() < kernel->names.size()) return *kernel;
  // Renamed first: what is being removed must not be taken for a whole kernel.
  const fs::path old = kernels() / fmt::format("{}{}", kRemovedPrefix, random_hex(8));
  fs::rename(kernel->dir, old, failed);
  if (!failed) fs::remove_all(old, failed);
  if (failed) return system_error(fmt::format("remove {}", kernel->dir.string()), failed.value());
  return *kernel;
}

}  // namespace holdfast
