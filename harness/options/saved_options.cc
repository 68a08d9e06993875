// How does a run that goes on later know what was asked for?
#include "harness/options/saved_options.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "harness/kernel_choice.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

std::string anywhere(const fs::path& path) { return path.empty() ? std::string() : fs::absolute(path).string(); }

Json kernels_json(const KernelOptions& chosen) {
  const KernelOptions kernels = from_anywhere(chosen);
  return {{"kernel", kernels.kernel},
          {"next_kernel", kernels.next_kernel},
          {"modules", kernels.modules.string()},
          {"append", kernels.append},
          {"next_append", kernels.next_append}};
}

KernelOptions kernels_from(const Json& json) {
  return {.kernel = json.at("kernel"),
          .next_kernel = json.at("next_kernel"),
          .modules = json.at("modules").get<std::string>(),
          .append = json.at("append"),
          .next_append = json.at("next_append")};
}

Json machine_json(const MachineOptions& machine) {
  return {{"accel", machine.accel}, {"memory_mib", machine.memory_mib}, {"cpus", machine.cpus}, {"cold", machine.cold}};
}

MachineOptions machine_from(const Json& json) {
  return {
      .accel = json.at("accel"), .memory_mib = json.at("memory_mib"), .cpus = json.at("cpus"), .cold = json.at("cold")};
}

RunOptions options_from(const Json& json) {
  RunOptions run;
  run.targets = json.at("targets").get<std::vector<std::string>>();
  run.selection = {.filter = json.at("filter"), .devices = json.at("devices").get<std::vector<std::string>>()};
  run.lab = json.at("lab").get<std::string>();
  run.kernels = kernels_from(json.at("kernels"));
  run.machine = machine_from(json.at("machine"));
  run.repeat = json.at("repeat");
  run.jobs = json.at("jobs");
  run.retry_infra = json.at("retry_infra");
  run.soak = json.at("soak");
  run.failfast = json.at("failfast");
  run.force = json.at("force");
  run.timeout_scale = json.at("timeout_scale");
  const auto [number, count] = json.at("shard").get<std::pair<int, int>>();
  if (count > 0) run.shard = Shard{.number = number, .count = count};
  run.times = json.at("times").get<std::string>();
  run.junit = json.at("junit").get<std::string>();
  run.junit_dialect = json.at("junit_dialect");
  run.ktap = json.at("ktap");
  run.gtest_args = json.at("gtest_args").get<std::vector<std::string>>();
  return run;
}

}  // namespace

std::string to_json(const RunOptions& run) {
  const Shard shard = run.shard.value_or(Shard{.number = 0, .count = 0});
  const Json json{{"format", kFormat},
                  {"targets", run.targets},
                  {"filter", run.selection.filter},
                  {"devices", run.selection.devices},
                  {"lab", anywhere(run.lab)},
                  {"kernels", kernels_json(run.kernels)},
                  {"machine", machine_json(run.machine)},
                  {"repeat", run.repeat},
                  {"jobs", run.jobs},
                  {"retry_infra", run.retry_infra},
                  {"soak", run.soak},
                  {"failfast", run.failfast},
                  {"force", run.force},
                  {"timeout_scale", run.timeout_scale},
                  {"shard", std::pair(shard.number, shard.count)},
                  {"times", anywhere(run.times)},
                  {"junit", anywhere(run.junit)},
                  {"junit_dialect", run.junit_dialect},
                  {"ktap", run.ktap},
                  {"gtest_args", run.gtest_args}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<RunOptions> saved_options(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    if (json.at("format") == kFormat) return options_from(json);
    return harness_error("broken", "these settings were written by another version of holdfast");
  } catch (const Json::exception& wrong) {
    return harness_error("broken", fmt::format("these are no settings of a run: {}", wrong.what()));
  }
}

}  // namespace holdfast
