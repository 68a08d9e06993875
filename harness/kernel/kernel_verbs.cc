// What do the verbs `holdfast kernel fetch | build | list | rm` do? They return values; the caller prints.
#include "harness/kernel/kernel_verbs.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "harness/kernel/data_dir.h"

namespace holdfast::kernel {
namespace fs = std::filesystem;
namespace {

Result<fs::path> cache_or_default(const fs::path& cache) {
  if (cache.empty()) return cache_dir();
  std::error_code failed;
  fs::path whole = fs::absolute(cache, failed);
  if (failed) return system_error("find the folder " + cache.string(), failed.value());
  return whole.lexically_normal();
}

/// The files of fixtures/kernel.
struct Recipe {
  fs::path guest;          ///< the fragment for every guest kernel
  fs::path series_config;  ///< what the reference series adds
  fs::path series;
  fs::path faults_config;  ///< what the fault switches add to that
  fs::path faults;         ///< the reference series and the fault switches
};

Result<Recipe> recipe() {
  const fs::path folder = TRY(data_dir()) / "kernel";
  return Recipe{.guest = folder / "guest.config",
                .series_config = folder / "series.config",
                .series = folder / "series",
                .faults_config = folder / "faults.config",
                .faults = folder / "faults"};
}

/// A kernel's name made of a file's: "my tree.git" gives "my-tree.git".
std::string name_after(const fs::path& path) {
  fs::path whole = path.lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  std::string name = whole.filename().string().substr(0, 64);
  for (char& c : name) {
    if (!valid_kernel_name(std::string("x") + c)) c = '-';
  }
  while (!name.empty() && std::isalnum(static_cast<unsigned char>(name.front())) == 0) name.erase(0, 1);
  return valid_kernel_name(name) ? name : "kernel";
}

/// The series that is meant, also when nothing is said: a path, or one of the words.
std::string series_of(const BuildOptions& options) {
  if (!options.series.empty()) return options.series;
  return options.tree.empty() ? std::string(kReference) : "none";
}

std::string name_for(const BuildOptions& options) {
  if (!options.name.empty()) return options.name;
  if (!options.tree.empty()) {
    std::error_code ignored;
    return name_after(fs::weakly_canonical(options.tree, ignored));
  }
  const std::string series = series_of(options);
  if (series == "none") return std::string(kStock);
  if (series == kReference || series == kFaults) return series;
  return name_after(fs::path(series).replace_extension());
}

/// Puts the series and the fragments that belong to it into `request`.
Result<void> add_series(const std::string& series, const Recipe& files, BuildRequest& request,
                        const Deadline& deadline) {
  if (series == kReference || series == kFaults) {
    const bool faults = series == kFaults;
    request.series = TRY(read_series(faults ? files.faults : files.series, deadline));
    request.series_name = series;
    request.config.push_back(files.series_config);
    if (faults) request.config.push_back(files.faults_config);
    return {};
  }
  // A tree or a series of somebody's own may well have the reference's option: it is asked for where it exists.
  request.config_if_known.push_back(files.series_config);
  if (series != "none") request.series = TRY(read_series(series, deadline));
  return {};
}

/// Debian's source: what is there already and fits, without asking the mirror; else the newest that does.
Result<BuildSource> debian_source(const fs::path& cache, const PatchSeries& fits, Built& built,
                                  const Deadline& deadline, const ProgressSink& progress) {
  auto source = newest_fetched(cache, fits, deadline);
  if (!source && source.error().kind != "usage") return source.error();
  if (!source) source = fetch_source({.cache = cache, .series = fits}, deadline, progress);
  if (!source) return source.error();
  built.notes = source->notes;
  return BuildSource{.dir = source->tree, .key = source->key, .describe = source->describe()};
}

}  // namespace

Result<FetchedSource> fetch(const FetchOptions& options, const Deadline& deadline, const ProgressSink& progress) {
  FetchPlan plan;
  plan.cache = TRY(cache_or_default(options.cache));
  const fs::path series = options.series.empty() ? TRY(recipe()).series : options.series;
  plan.series = TRY(read_series(series, deadline));
  return fetch_source(plan, deadline, progress);
}

Result<Built> build(const BuildOptions& options, const Deadline& deadline, const ProgressSink& progress) {
  const fs::path cache = TRY(cache_or_default(options.cache));
  const Recipe files = TRY(recipe());
  const std::string series = series_of(options);
  BuildRequest request{.source = {},
                       .series = {},
                       .series_name = {},
                       .config = {files.guest},
                       .config_if_known = {},
                       .name = name_for(options),
                       .jobs = options.jobs};
  TRY(add_series(series, files, request, deadline));
  request.config.insert(request.config.end(), options.config.begin(), options.config.end());
  request.config_if_known.insert(request.config_if_known.end(), options.config_if_known.begin(),
                                 options.config_if_known.end());
  Built built;
  if (options.tree.empty()) {
    // The stock kernel is to differ from the reference in nothing but the series: so it takes the same source.
    const PatchSeries fits = series == "none" ? TRY(read_series(files.series, deadline)) : request.series;
    request.source = TRY(debian_source(cache, fits, built, deadline, progress));
  } else {
    request.source.dir = options.tree;
  }
  BuiltKernel made = TRY(build_kernel(request, KernelStore(cache), deadline, progress));
  built.kernel = std::move(made.kernel);
  built.built = made.built;
  return built;
}

Result<IncrementalBuild> open_incremental(const BuildOptions& options, const Deadline& deadline,
                                          const ProgressSink& progress) {
  const fs::path cache = TRY(cache_or_default(options.cache));
  const Recipe files = TRY(recipe());
  BuildRequest request{.source = {.dir = options.tree, .key = {}, .describe = {}},
                       .series = {},
                       .series_name = {},
                       .config = {files.guest},
                       .config_if_known = {files.series_config},
                       .name = {},
                       .jobs = options.jobs};
  request.config.insert(request.config.end(), options.config.begin(), options.config.end());
  request.config_if_known.insert(request.config_if_known.end(), options.config_if_known.begin(),
                                 options.config_if_known.end());
  return IncrementalBuild::open(request, KernelStore(cache), deadline, progress);
}

Result<std::vector<StoredKernel>> list(const fs::path& cache) {
  return KernelStore(TRY(cache_or_default(cache))).list();
}

Result<StoredKernel> rm(std::string_view name, const fs::path& cache) {
  return KernelStore(TRY(cache_or_default(cache))).remove(name);
}

Result<KernelImage> resolve(std::string_view k, const Deadline& deadline, const fs::path& cache) {
  return KernelStore(TRY(cache_or_default(cache))).resolve(k, deadline);
}

std::string to_json(const std::vector<StoredKernel>& kernels) {
  auto array = nlohmann::json::array();
  for (const StoredKernel& kernel : kernels) {
    nlohmann::json object = {{"names", kernel.names},           {"key", kernel.key},
                             {"path", kernel.image().string()}, {"release", kernel.release},
                             {"build_id", kernel.build_id},     {"source", kernel.source},
                             {"series", kernel.series},         {"compiler", kernel.compiler},
                             {"built_at", kernel.built_at},     {"modules", nullptr}};
    if (const fs::path modules = kernel.modules(); !modules.empty()) object["modules"] = modules.string();
    array.push_back(std::move(object));
  }
  return array.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace holdfast::kernel
