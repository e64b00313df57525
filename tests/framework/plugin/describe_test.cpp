#include "plugin/describe.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace pellucid {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct Flat {
  static constexpr const char* name = "flat";
  static const Schema<Flat>& schema() {
    static const Schema<Flat> rows;
    return rows;
  }
};

struct PowerLaw {
  static constexpr const char* name = "power_law";
  double exponent = 2.5;
  static const Schema<PowerLaw>& schema() {
    static const Schema<PowerLaw> rows{
        {"exponent", &PowerLaw::exponent, "1", "of the spectrum", at_least(0.0)}};
    return rows;
  }
};

struct Settings {
  double noise = 0.1;
  std::filesystem::path weights;
  std::optional<std::int64_t> radius;
  std::vector<double> steps{0.5, 0.25};
  std::variant<PowerLaw, Flat> signal;
  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"noise", &Settings::noise, "photon", "standard deviation", positive()},
        {"weights", &Settings::weights, "", "trained weights", required()},
        {"radius", &Settings::radius, "px", "of the kernel"},
        {"steps", &Settings::steps, "1", "one after the other", count(1, 4)},
        {"signal", &Settings::signal, "", "model of the spectrum"},
    };
    return rows;
  }
};

constexpr In<Tensor> kImages{"y", "blurred images"};
constexpr In<LinearOperator> kBlur{"A", "the blur", optional};
constexpr Out<Tensor> kEstimate{"x", "estimate | unit of y"};

const ComponentDescriptor& described() {
  static const ComponentDescriptor descriptor{
      sizeof(ComponentDescriptor),
      "wiener",
      "Deconvolution by division",
      Kind::stage,
      []() -> const Ports& {
        static const Ports all{kImages, kBlur, kEstimate};
        return all;
      },
      [](const Value&, Problems&) -> std::unique_ptr<Component> { return nullptr; },
      "wiener: deconvolution by division of spectra.\n",
      []() -> const std::vector<Field>& { return Settings::schema().fields(); }};
  return descriptor;
}

FoundComponent found() {
  return {&described(), "deconvolution", "/lib/deconvolution.so", "1.2", "ab"};
}

TEST(Description, as_text_shows_ports_parameters_and_manual) {
  const std::string text = describe_component(found(), DescriptionFormat::text);
  EXPECT_THAT(text, HasSubstr("deconvolution/wiener: Deconvolution by division\n"));
  EXPECT_THAT(text, HasSubstr("kind    stage\n"));
  EXPECT_THAT(text, HasSubstr("plugin  /lib/deconvolution.so (version 1.2)\n"));
  EXPECT_THAT(text, HasSubstr("\ninputs\n"
                              "  y  tensor                     blurred images\n"
                              "  A  operator.linear, optional  the blur\n"));
  EXPECT_THAT(text, HasSubstr("real [photon] > 0"));
  EXPECT_THAT(text, HasSubstr("required"));
  EXPECT_THAT(text, HasSubstr("signal.power_law.exponent"));
  EXPECT_THAT(text, HasSubstr("\nmanual\n\nwiener: deconvolution by division of spectra.\n"));
}

TEST(Description, as_json_holds_every_declaration) {
  const json all = json::parse(describe_component(found(), DescriptionFormat::json));
  EXPECT_EQ(all["use"], "deconvolution/wiener");
  EXPECT_EQ(all["kind"], "stage");
  EXPECT_EQ(all["plugin"]["version"], "1.2");
  EXPECT_EQ(all["inputs"].size(), 2u);
  EXPECT_EQ(all["inputs"][1]["type"], "operator.linear");
  EXPECT_EQ(all["inputs"][1]["optional"], true);
  EXPECT_EQ(all["outputs"][0]["name"], "x");
  const json& parameters = all["parameters"];
  ASSERT_EQ(parameters.size(), 5u);
  EXPECT_EQ(parameters[0]["unit"], "photon");
  EXPECT_EQ(parameters[0]["range"], "> 0");
  EXPECT_EQ(parameters[0]["default"], 0.1);
  EXPECT_EQ(parameters[1]["required"], true);
  EXPECT_FALSE(parameters[2].contains("default"));
  EXPECT_EQ(parameters[3]["default"], json({0.5, 0.25}));
  EXPECT_EQ(parameters[3]["most_count"], 4);
  EXPECT_EQ(parameters[4]["alternatives"][1]["name"], "flat");
  EXPECT_EQ(parameters[4]["default"], json({{"power_law", {{"exponent", 2.5}}}}));
}

TEST(Description, as_markdown_has_tables_whose_cells_keep_their_bars) {
  EXPECT_THAT(describe_component(found(), DescriptionFormat::markdown),
              AllOf(HasSubstr("## deconvolution/wiener\n"),
                    HasSubstr("| `x` | tensor | estimate \\| unit of y |\n"),
                    HasSubstr("| `noise` | real [photon] > 0 | 0.1 | standard deviation |\n")));
}

TEST(Description, of_a_plugin_lists_its_components) {
  EXPECT_THAT(describe_plugin({found()}, DescriptionFormat::text),
              HasSubstr("deconvolution/wiener  stage  Deconvolution by division\n"));
  EXPECT_EQ(json::parse(describe_plugin({found()}, DescriptionFormat::json)).size(), 1u);
}

TEST(Description, of_the_settings_names_each_key) {
  for (const char* key : {"device", "seed", "memory", "threads", "workers", "block", "tile",
                          "overlap", "durability", "nonfinite", "on_item_error", "isolate"})
    EXPECT_THAT(describe_settings(DescriptionFormat::text), HasSubstr(key));
}

}  // namespace
}  // namespace pellucid
