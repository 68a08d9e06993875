// Which modules does a kernel need before the agent can work, and in which order are they loaded?
#include "harness/payload/payload_modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr size_t kModuleCap = size_t{256} << 20;

bool has_index(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / "modules.dep", ignored);
}

std::vector<fs::path> subfolders(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    if (entry.is_directory(failed)) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

/// The error for a folder without modules.dep; `release` is the folder that should have it.
Error no_index(const fs::path& release) {
  const fs::path above = release.parent_path();
  const bool installed = above.filename() == "modules" && above.parent_path().filename() == "lib";
  const std::string base = installed ? above.parent_path().parent_path().string() : "DIR";
  return usage_error(fmt::format("no {} there: these modules have no index", (release / "modules.dep").string()))
      .because(fmt::format("`make modules_install INSTALL_MOD_PATH=DIR` makes one, and so does `depmod -b {} {}`",
                           shell_quote(base), shell_quote(release.filename().string())));
}

/// lib/modules/<release> in or below `folder`.
Result<fs::path> find_release(const fs::path& given) {
  // A trailing slash would leave the path without a file name.
  const fs::path folder = given.has_filename() ? given : given.parent_path();
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return usage_error(fmt::format("no folder {}", folder.string()));
  if (has_index(folder)) return folder;
  if (fs::is_directory(folder / "kernel", ignored)) return no_index(folder);
  std::vector<fs::path> releases;
  for (const fs::path& level : {folder / "lib/modules", folder / "usr/lib/modules", folder}) {
    releases = subfolders(level);
    std::erase_if(releases,
                  [&](const fs::path& one) { return !has_index(one) && !fs::is_directory(one / "kernel", ignored); });
    if (!releases.empty()) break;
  }
  if (releases.empty()) return no_index(folder);
  if (releases.size() > 1) {
    std::vector<std::string> names;
    for (const fs::path& one : releases) names.push_back(one.string());
    return usage_error(
               fmt::format("{} has modules of {} kernels: {}", folder.string(), names.size(), join(names, ", ")))
        .because("name one of these folders");
  }
  if (!has_index(releases.front())) return no_index(releases.front());
  return releases.front();
}

/// modules.dep, by module name.
struct Index {
  struct Module {
    fs::path file;
    std::vector<std::string> needs;
  };
  std::map<std::string, Module> modules;
  std::set<std::string> builtin;
};

Result<Index> read_index(const fs::path& release) {
  Index index;
  const std::string text = TRY(read_file(release / "modules.dep"));
  for (const std::string_view line : split(text, '\n')) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    Index::Module module{.file = release / trim(line.substr(0, colon)), .needs = {}};
    for (const std::string_view needed : split(line.substr(colon + 1), ' ')) {
      if (!trim(needed).empty()) module.needs.push_back(module_name(trim(needed)));
    }
    std::string name = module_name(module.file);
    index.modules.insert_or_assign(std::move(name), std::move(module));
  }
  std::error_code ignored;
  if (!fs::exists(release / "modules.builtin", ignored)) return index;
  const std::string builtin = TRY(read_file(release / "modules.builtin"));
  for (const std::string_view line : split(builtin, '\n')) {
    if (!trim(line).empty()) index.builtin.insert(module_name(trim(line)));
  }
  return index;
}

/// Walks the dependencies depth first, so that a module is taken after all that it needs.
class Walk {
 public:
  explicit Walk(const Index& index) : index_(index) {}

  Result<void> take(const std::string& name, ModuleChoice& choice) {
    if (!taken_.insert(name).second || index_.builtin.contains(name)) return {};
    const auto found = index_.modules.find(name);
    if (found == index_.modules.end()) {
      choice.absent.push_back(name);
      return {};
    }
    for (const std::string& needed : found->second.needs) TRY(take(needed, choice));
    std::error_code ignored;
    if (!fs::is_regular_file(found->second.file, ignored)) {
      return lab_error("modules", fmt::format("modules.dep names {}, which is not there", found->second.file.string()))
          .because("run `depmod` again, or install the modules again");
    }
    choice.files.push_back(found->second.file);
    return {};
  }

 private:
  const Index& index_;
  std::set<std::string> taken_;
};

}  // namespace

const std::vector<std::string>& payload_modules() {
  static const std::vector<std::string> names{"virtio_pci", "virtio_console", "virtio_rng",
                                              "iommufd",    "vfio-pci",       "vfio_iommu_type1",
                                              "e1000e",     "nvme",           "virtio_net"};
  return names;
}

Result<ModuleChoice> choose_modules(const fs::path& folder, const std::vector<std::string>& wanted) {
  const fs::path release = TRY(find_release(folder));
  const Index index = TRY(read_index(release));
  ModuleChoice choice;
  Walk walk(index);
  for (const std::string& name : wanted) TRY(walk.take(module_name(name), choice));
  return choice;
}

std::string module_name(const fs::path& file) {
  std::string name = file.filename().string();
  if (const size_t suffix = name.find(".ko"); suffix != std::string::npos) name.resize(suffix);
  std::ranges::replace(name, '-', '_');
  return name;
}

Result<std::string> read_module(const fs::path& file, const Deadline& deadline) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPrograms{
      {{".xz", "xz"}, {".zst", "zstd"}, {".gz", "gzip"}}};
  const std::string extension = file.extension().string();
  const auto* found = std::ranges::find(kPrograms, extension, &std::pair<std::string_view, std::string_view>::first);
  if (found == kPrograms.end()) return read_file(file, kModuleCap);
  const std::string program(found->second);
  if (!find_program(program)) {
    return lab_error("missing-program", fmt::format("unpack {}: {} is not installed", file.string(), program))
        .because(fmt::format("apt-get install {}", program == "xz" ? "xz-utils" : program));
  }
  auto output = TRY(run({.argv = {program, "-dc", "--", file.string()}}, deadline, {}, kModuleCap));
  if (!output.status.success()) {
    return lab_error("modules",
                     fmt::format("unpack {}: {} ended with {}", file.string(), program, output.status.describe()))
        .with("stderr", printable(output.err));
  }
  return std::move(output.out);
}

}  // namespace holdfast
