// Which patches are to go onto a kernel tree, and do they apply?
#include "harness/kernel/patch_series.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <regex>
#include <set>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/kernel/mailbox.h"
#include "harness/kernel/nearest_file.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

/// Reads the names out of a quilt series file: one per line, comments after #, options after the name.
Result<std::vector<std::string>> names_in_series_file(const fs::path& file) {
  const std::string text = TRY(read_file(file));
  std::vector<std::string> names;
  for (std::string_view line : split(text, '\n')) {
    line = trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const std::string_view name = line.substr(0, line.find_first_of(" \t"));
    const std::string_view options = trim(line.substr(name.size()));
    if (!options.empty() && options != "-p1") {
      return usage_error(
          fmt::format("{}: the patch {} has the option {}, and only -p1 is known", file.string(), name, options));
    }
    names.emplace_back(name);
  }
  return names;
}

std::vector<std::string> patch_files_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    const fs::path& path = entry->path();
    if (path.extension() == ".patch" || path.extension() == ".diff") names.push_back(path.filename().string());
  }
  std::sort(names.begin(), names.end());
  // format-patch writes the cover letter beside the patches; it has no diff.
  std::erase_if(names, [](const std::string& name) { return name.find("cover-letter") != std::string::npos; });
  return names;
}

Result<PatchSeries> read_folder(const fs::path& folder) {
  PatchSeries series{.origin = folder, .patches = {}};
  const bool ordered = fs::exists(folder / "series");
  const auto names = ordered ? TRY(names_in_series_file(folder / "series")) : patch_files_in(folder);
  for (const std::string& name : names) {
    std::error_code ignored;
    if (!fs::exists(folder / name, ignored)) {
      return usage_error(fmt::format("{} names the patch {}, which is not there", (folder / "series").string(), name))
          .because(nearest_beside(folder / name));
    }
    std::string text = TRY(read_file(folder / name));
    series.patches.push_back({.name = name, .text = std::move(text)});
  }
  return series;
}

Result<PatchSeries> read_one_file(const fs::path& file, const Deadline& deadline) {
  PatchSeries series{.origin = file, .patches = {}};
  const std::string text = TRY(read_file(file));
  if (!is_mailbox(text)) {
    if (has_diff(text)) series.patches.push_back({.name = file.filename().string(), .text = text});
    return series;
  }
  for (const std::string_view mail : split_mailbox(text)) {
    const Mail decoded = TRY_IN(file.string(), decode_mail(mail, deadline));
    if (!has_diff(decoded.body)) continue;
    series.patches.push_back({.name = decoded.subject, .text = decoded.body});
  }
  return series;
}

}  // namespace

std::string PatchSeries::digest() const {
  Digest all;
  for (const Patch& patch : patches) all.add(fmt::format("{}\n", patch.text.size())).add(patch.text);
  return all.hex();
}

Result<PatchSeries> read_series(const fs::path& path, const Deadline& deadline) {
  std::error_code failed;
  const fs::file_status kind = fs::status(path, failed);
  if (!fs::exists(kind)) {
    return usage_error(fmt::format("there is no series {}", path.string())).because(nearest_beside(path));
  }
  const PatchSeries series = fs::is_directory(kind) ? TRY(read_folder(path)) : TRY(read_one_file(path, deadline));
  if (series.empty()) {
    return usage_error(fmt::format("there is no patch in {}", path.string()))
        .because("give a folder with a file named series or with *.patch files, an mbox, or a single patch");
  }
  return series;
}

std::vector<std::string> touched_files(std::string_view patch) {
  std::set<std::string> files;
  const auto add = [&](std::string_view path) {
    path = path.substr(0, path.find('\t'));
    if (path == "/dev/null" || path.find('/') == std::string_view::npos) return;
    files.emplace(path.substr(path.find('/') + 1));
  };
  for (std::string_view line : split(patch, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("--- ") || line.starts_with("+++ ")) add(line.substr(4));
    for (const std::string_view key : {"rename from ", "rename to ", "copy from ", "copy to "}) {
      if (line.starts_with(key)) files.emplace(line.substr(key.size()));
    }
  }
  return {files.begin(), files.end()};
}

namespace {

/// One sentence out of what `patch` said: the first hunk that failed, with file and line, or the file that is missing.
std::string explain(const std::string& said) {
  static const std::regex kFile(R"(^(?:checking|patching) file (.*?)(?: \(renamed.*)?$)");
  static const std::regex kHunk(R"(^Hunk #(\d+) (?:FAILED|NOT MERGED) at (\d+))");
  std::string file;
  bool missing = false;
  for (const std::string_view view : split(said, '\n')) {
    const std::string line(view);
    std::smatch match;
    if (std::regex_match(line, match, kFile)) file = match[1];
    if (std::regex_search(line, match, kHunk)) {
      return fmt::format("hunk #{} does not fit at {}:{}", match[1].str(), file, match[2].str());
    }
    if (line.starts_with("Reversed (or previously applied)") || line.starts_with("Ignoring previously applied")) {
      return fmt::format("it is already applied (seen in {})", file);
    }
    if (line.starts_with("can't find file to patch")) missing = true;
    if (missing && line.starts_with("|--- ")) return fmt::format("the tree has no {}", line.substr(line.find('/') + 1));
    if (line.find("malformed patch") != std::string::npos) return fmt::format("the patch is damaged: {}", line);
    if (line.find("Only garbage was found") != std::string::npos) return "there is no diff in it";
    if (line.find("git binary diffs are not supported") != std::string::npos) return "it holds a binary diff";
  }
  return "patch refuses it";
}

Result<void> apply_one(const Patch& patch, size_t number, size_t count, const fs::path& tree,
                       const Deadline& deadline) {
  // patch writes new files and renames them, and leaves neither .orig nor .rej behind with these options.
  const Command command{
      .argv = {"patch", "-p1", "--batch", "--forward", "--fuzz=0", "--no-backup-if-mismatch", "--reject-file=-"},
      .cwd = tree,
      .env = {{"LC_ALL", "C"}, {"PATCH_GET", "0"}, {"QUOTING_STYLE", "literal"}}};
  const Output output = TRY(run(command, deadline.at_most(std::chrono::minutes(2)), patch.text));
  if (output.status.success()) return {};
  const std::string said = output.out + output.err;
  if (said.find("No space left on device") != std::string::npos) {
    return lab_error("disk", fmt::format("no space left in {} while {} was applied", tree.string(), patch.name));
  }
  return usage_error(fmt::format("patch {} of {}, {}, does not apply: {}", number, count, patch.name, explain(said)))
      .with("patch", said);
}

}  // namespace

Result<void> apply_series(const PatchSeries& series, const fs::path& tree, const Deadline& deadline,
                          const ProgressSink& progress) {
  if (series.empty()) return {};
  if (!find_program("patch")) {
    return lab_error("tool", "the program patch is not installed").because("apt-get install patch");
  }
  Step step(progress, "patch", {}, series.patches.size());
  for (size_t i = 0; i < series.patches.size(); ++i) {
    if (deadline.stopped()) return wait_error(Wake::kStopped, "the patches");
    step.at(i, series.patches[i].name);
    TRY(apply_one(series.patches[i], i + 1, series.patches.size(), tree, deadline));
  }
  step.end(series.patches.size());
  return {};
}

Result<void> check_series(const PatchSeries& series, const fs::path& tree, const Deadline& deadline) {
  if (series.empty()) return {};
  const TempDir copy = TRY(TempDir::create("holdfast-series"));
  for (const Patch& patch : series.patches) {
    for (const std::string& file : touched_files(patch.text)) {
      const fs::path from = tree / file;
      const fs::path to = (copy.path() / file).lexically_normal();
      std::error_code failed;
      if (!to.string().starts_with(copy.path().string() + "/")) {
        return usage_error(fmt::format("{} touches {}, which is outside the tree", patch.name, file));
      }
      if (!fs::is_regular_file(from, failed) || fs::exists(to, failed)) continue;
      TRY(make_dirs(to.parent_path()));
      if (!fs::copy_file(from, to, failed)) return system_error(fmt::format("copy {}", from.string()), failed.value());
    }
  }
  return apply_series(series, copy.path(), deadline);
}

}  // namespace holdfast
