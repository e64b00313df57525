#include <gmock/gmock.h>
#include <pellucid/schema.h>

namespace pellucid {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

enum class Window { hann, flat };
std::vector<std::pair<std::string, Window>> enumerators(Window) {
  return {{"hann", Window::hann}, {"flat", Window::flat}};
}

struct Grid {
  std::int64_t height = 8;
  double pitch = 0.5;
  static const Schema<Grid>& schema() {
    static const Schema<Grid> rows{
        {"height", &Grid::height, "px", "rows", at_least(1)},
        {"pitch", &Grid::pitch, "um", "distance of samples", positive()},
    };
    return rows;
  }
};

struct Gaussian {
  static constexpr const char* name = "gaussian";
  static constexpr const char* summary = "a bell";
  double std = 1;
  std::optional<std::int64_t> radius;
  static const Schema<Gaussian>& schema() {
    static const Schema<Gaussian> rows{
        {"std", &Gaussian::std, "px", "standard deviation", positive()},
        {"radius", &Gaussian::radius, "px", "half its size", at_least(0)},
    };
    return rows;
  }
};

/// Without settings, so without a schema.
struct Identity {
  static constexpr const char* name = "identity";
};

struct Everything {
  bool truth = false;
  int count = 3;
  std::int64_t bytes = 1024;
  double weight = 0.5;
  float ratio = 0.25F;
  std::string label = "none";
  std::filesystem::path file;
  OutputPath to;
  Window window = Window::hann;
  std::vector<double> steps{1, 2};
  std::vector<Window> windows;
  Grid grid;
  std::variant<Identity, Gaussian> kernel;
  std::optional<double> limit;
  static const Schema<Everything>& schema() {
    static const Schema<Everything> rows{
        {"truth", &Everything::truth, "", "a truth"},
        {"count", &Everything::count, "", "a number", within(1, 9)},
        {"bytes", &Everything::bytes, "B", "a size", at_least(1)},
        {"weight", &Everything::weight, "1", "strength", at_least(0.0)},
        {"ratio", &Everything::ratio, "1", "of two", between(0, 1)},
        {"label", &Everything::label, "", "a text"},
        {"file", &Everything::file, "", "a file to read"},
        {"to", &Everything::to, "", "a file to write"},
        {"window", &Everything::window, "", "a window"},
        {"steps", &Everything::steps, "px", "sizes", at_least(0.0), pellucid::count(1, 3)},
        {"windows", &Everything::windows, "", "windows"},
        {"grid", &Everything::grid, "", "a grid"},
        {"kernel", &Everything::kernel, "", "a kernel"},
        {"limit", &Everything::limit, "s", "a time", at_least(0.0)},
    };
    return rows;
  }
};

/// Where a group and a choice stand with other defaults than their own.
struct Scanner {
  Grid grid{.height = 3};
  std::variant<Identity, Gaussian> kernel = Gaussian{.std = 4, .radius = {}};
  static const Schema<Scanner>& schema() {
    static const Schema<Scanner> rows{
        {"grid", &Scanner::grid, "", "a grid"},
        {"kernel", &Scanner::kernel, "", "a kernel"},
    };
    return rows;
  }
};

SourceLocation at(std::int32_t line) {
  static const auto file = std::make_shared<const std::string>("test.yaml");
  return {file, line, 1, nullptr};
}

Everything parsed(const Value& values) {
  Problems problems;
  const Everything settings = Everything::schema().parse(values, problems);
  for (const Problem& problem : problems) ADD_FAILURE() << problem.sentence;
  return settings;
}

std::vector<std::string> problems_of(const Value& values) {
  Problems problems;
  Everything::schema().parse(values, problems);
  std::vector<std::string> sentences;
  for (const Problem& problem : problems) sentences.push_back(problem.sentence);
  return sentences;
}

std::vector<std::string> problems_of(const char* key, Value value) {
  return problems_of(Value::map({{key, std::move(value)}}));
}

TEST(Schema, of_nothing_gives_the_defaults) {
  const Everything settings = parsed({});
  EXPECT_EQ(settings.count, 3);
  EXPECT_EQ(settings.weight, 0.5);
  EXPECT_THAT(settings.steps, ElementsAre(1, 2));
  EXPECT_EQ(settings.limit, std::nullopt);
}

TEST(Schema, of_a_group_and_a_choice_starts_from_what_holds_them) {
  Problems problems;
  const auto read = [&](const Value& values) { return Scanner::schema().parse(values, problems); };
  const Scanner partly =
      read(Value::map({{"grid", Value::map({{"pitch", 2.0}})},
                       {"kernel", Value::map({{"gaussian", Value::map({{"radius", 7}})}})}}));
  EXPECT_EQ(partly.grid.height, 3);
  EXPECT_EQ(partly.grid.pitch, 2);
  EXPECT_EQ(std::get<Gaussian>(partly.kernel).std, 4);
  EXPECT_EQ(std::get<Gaussian>(partly.kernel).radius, 7);
  EXPECT_EQ(std::get<Gaussian>(read(Value::map({{"kernel", "gaussian"}})).kernel).std, 4);
  EXPECT_THAT(problems, IsEmpty());
}

TEST(Schema, describes_the_defaults_that_a_group_and_a_choice_have_where_they_stand) {
  const std::vector<Field>& fields = Scanner::schema().fields();
  EXPECT_EQ(fields[0].fields[0].standard.text(), "3");
  EXPECT_EQ(fields[1].fields[1].fields[0].standard.flow(), Value(4.0).flow());
  EXPECT_EQ(Gaussian::schema().fields()[0].standard.flow(), Value(1.0).flow());
}

TEST(Schema, reads_numbers_with_arithmetic_and_units) {
  const Everything settings = parsed(Value::map({{"bytes", "4 KiB"},
                                                 {"weight", "7.65/255"},
                                                 {"limit", "500 ms"},
                                                 {"grid", Value::map({{"pitch", "250 nm"}})}}));
  EXPECT_EQ(settings.bytes, 4096);
  EXPECT_DOUBLE_EQ(settings.weight, 0.03);
  EXPECT_EQ(settings.limit, 0.5);
  EXPECT_EQ(settings.grid.pitch, 0.25);
  EXPECT_EQ(settings.grid.height, 8);
}

TEST(Schema, reads_truths_texts_and_enumerations) {
  const Everything settings =
      parsed(Value::map({{"truth", "yes"}, {"label", "7.65/255"}, {"window", "flat"}}));
  EXPECT_TRUE(settings.truth);
  EXPECT_EQ(settings.label, "7.65/255");
  EXPECT_EQ(settings.window, Window::flat);
}

TEST(Schema, takes_one_value_for_a_list_of_one) {
  EXPECT_THAT(parsed(Value::map({{"steps", 5}})).steps, ElementsAre(5));
  EXPECT_THAT(parsed(Value::map({{"windows", Value::list({"flat", "hann"})}})).windows,
              ElementsAre(Window::flat, Window::hann));
}

TEST(Schema, takes_a_choice_by_name_by_first_setting_and_by_settings) {
  EXPECT_EQ(parsed(Value::map({{"kernel", "identity"}})).kernel.index(), 0u);
  const auto chosen = [](Value value) {
    return std::get<Gaussian>(parsed(Value::map({{"kernel", std::move(value)}})).kernel);
  };
  EXPECT_EQ(chosen("gaussian").std, 1);
  EXPECT_EQ(chosen(Value::map({{"gaussian", 3}})).std, 3);
  EXPECT_EQ(chosen(Value::map({{"gaussian", Value()}})).std, 1);
  const Gaussian both = chosen(Value::map({{"gaussian", Value::map({{"std", 2}, {"radius", 7}})}}));
  EXPECT_EQ(both.std, 2);
  EXPECT_EQ(both.radius, 7);
}

TEST(Schema, starts_relative_paths_from_the_folder_of_the_file_they_stand_in) {
  SourceLocation place = at(1);
  place.folder = std::make_shared<const std::string>("/data/pipelines");
  EXPECT_EQ(parsed(Value::map({{"file", Value::scalar("../scans/a.h5", place)}})).file,
            "/data/scans/a.h5");
  EXPECT_EQ(parsed(Value::map({{"file", Value::scalar("/b.h5", place)}})).file, "/b.h5");
  EXPECT_EQ(parsed(Value::map({{"file", "c.h5"}})).file, std::filesystem::current_path() / "c.h5");
}

TEST(Schema, leaves_paths_that_are_written_as_they_are) {
  EXPECT_EQ(parsed(Value::map({{"to", "restored.h5"}})).to.path, "restored.h5");
}

TEST(Schema, takes_nothing_for_what_is_optional) {
  EXPECT_EQ(parsed(Value::map({{"limit", Value()}})).limit, std::nullopt);
}

TEST(Range, is_told_with_the_value_that_broke_it) {
  EXPECT_THAT(problems_of("weight", -1), ElementsAre("'weight' must be in [0, inf], got -1"));
  EXPECT_THAT(problems_of("ratio", 1), ElementsAre("'ratio' must be in (0, 1), got 1"));
  EXPECT_THAT(problems_of("count", 10), ElementsAre("'count' must be in [1, 9], got 10"));
  EXPECT_THAT(problems_of("bytes", 0), ElementsAre("'bytes' must be in [1, inf], got 0"));
  EXPECT_THAT(problems_of("kernel", Value::map({{"gaussian", 0}})),
              ElementsAre("'std' must be > 0, got 0"));
  EXPECT_THAT(problems_of("steps", Value::list({1, -2})),
              ElementsAre("'steps' must be in [0, inf], got -2"));
  EXPECT_THAT(problems_of("limit", "-3 s"), ElementsAre("'limit' must be in [0, inf], got -3 s"));
}

TEST(Range, of_the_type_is_told_where_that_is_what_was_broken) {
  struct Small {
    std::int8_t level = 0;
  };
  const Schema<Small> schema{{"level", &Small::level, "", "a level"}};
  Problems problems;
  schema.parse(Value::map({{"level", 200}}), problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].sentence, "'level' must be in [-inf, 127], got 200");
}

TEST(Problem, name_the_key_with_what_was_expected_and_found) {
  EXPECT_THAT(problems_of("weight", "strong"),
              ElementsAre("'weight': expected a number, found 'strong'"));
  EXPECT_THAT(problems_of("count", "2.5"),
              ElementsAre("'count': expected a whole number, found '2.5'"));
  EXPECT_THAT(problems_of("truth", 3), ElementsAre("'truth': expected true or false, found '3'"));
  EXPECT_THAT(problems_of("label", Value::list({})),
              ElementsAre("'label': expected text, found a list"));
  EXPECT_THAT(problems_of("grid", 3), ElementsAre("expected a map of settings, found '3'"));
  EXPECT_THAT(problems_of("limit", "3 nm"), ElementsAre(HasSubstr("which is a length")));
  EXPECT_THAT(problems_of("file", ""), ElementsAre("'file' must be a path, got ''"));
}

TEST(Problem, suggest_the_nearest_name) {
  EXPECT_THAT(problems_of("wieght", 1),
              ElementsAre("unknown key 'wieght'; did you mean 'weight'?"));
  EXPECT_THAT(problems_of("window", "han"),
              ElementsAre("'window' must be one of hann | flat, got 'han'; did you mean 'hann'?"));
  EXPECT_THAT(
      problems_of("kernel", Value::map({{"gausian", 3}})),
      ElementsAre("'kernel' must be one of identity | gaussian, got 'gausian'; did you mean "
                  "'gaussian'?"));
}

TEST(Problem, of_choices_say_what_one_looks_like) {
  EXPECT_THAT(problems_of("kernel", Value::map({{"gaussian", 3}, {"identity", 1}})),
              ElementsAre("'kernel' must be one of identity | gaussian, got a map of 2 keys"));
  EXPECT_THAT(problems_of("kernel", Value::map({{"identity", 3}})),
              ElementsAre("'identity' has no settings, found '3'"));
  EXPECT_THAT(problems_of("kernel", Value::list({"identity"})),
              ElementsAre("'kernel' must be one of identity | gaussian, got a list"));
}

TEST(Problem, of_lists_tell_how_many_entries_they_have) {
  EXPECT_THAT(problems_of("steps", Value::list({})),
              ElementsAre("'steps' must have 1 to 3 entries, got 0"));
  EXPECT_THAT(problems_of("steps", Value::list({1, 2, 3, 4})),
              ElementsAre("'steps' must have 1 to 3 entries, got 4"));
  EXPECT_THAT(problems_of("steps", Value()),
              ElementsAre("'steps': expected a list, found nothing"));
}

TEST(Problem, come_all_at_once_each_at_its_place) {
  Problems problems;
  Everything::schema().parse(Value::map({{"weight", Value::scalar("-1", at(3)), at(3)},
                                         {"lable", Value::scalar("x", at(4)), at(4)},
                                         {"count", Value::scalar("many", at(5)), at(5)}}),
                             problems);
  ASSERT_EQ(problems.size(), 3u);
  std::vector<std::int32_t> lines;
  for (const Problem& problem : problems) lines.push_back(problem.where.line);
  EXPECT_THAT(lines, ::testing::UnorderedElementsAre(3, 4, 5));
}

TEST(Required, must_be_given) {
  struct Needs {
    std::string path;
  };
  const Schema<Needs> schema{{"path", &Needs::path, "", "where it is", required()}};
  Problems problems;
  schema.parse({}, problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].sentence, "'path' must be given: where it is (text)");
  problems.clear();
  EXPECT_EQ(schema.parse(Value::map({{"path", "a"}}), problems).path, "a");
  EXPECT_THAT(problems, IsEmpty());
}

TEST(Schema, prints_what_it_reads) {
  Everything settings;
  settings.weight = 0.1;
  settings.kernel = Gaussian{2.5, 4};
  settings.windows = {Window::flat};
  settings.file = "/a/b.h5";
  const Value printed = Everything::schema().print(settings);
  const Everything again = parsed(printed);
  EXPECT_EQ(again.weight, 0.1);
  EXPECT_EQ(std::get<Gaussian>(again.kernel).std, 2.5);
  EXPECT_EQ(std::get<Gaussian>(again.kernel).radius, 4);
  EXPECT_EQ(Everything::schema().print(again).flow(), printed.flow());
}

TEST(Field, describes_its_type_and_range) {
  const auto field = [](const char* key) {
    for (const Field& known : Everything::schema().fields())
      if (known.key == key) return known;
    return Field{};
  };
  EXPECT_EQ(field("weight").type_text(), "real");
  EXPECT_EQ(field("weight").range_text(), "in [0, inf]");
  EXPECT_EQ(field("ratio").range_text(), "in (0, 1)");
  EXPECT_EQ(field("label").range_text(), "");
  EXPECT_EQ(field("windows").type_text(), "list of one of hann | flat");
  EXPECT_EQ(field("kernel").type_text(), "one of identity | gaussian");
  EXPECT_EQ(field("kernel").fields.back().summary, "a bell");
  EXPECT_EQ(field("weight").standard.text(), "0.5");
  EXPECT_TRUE(field("limit").optional);
  EXPECT_TRUE(field("limit").standard.is_null());
  Field positive_field;
  positive().apply(positive_field);
  EXPECT_EQ(positive_field.range_text(), "> 0");
  at_most(5).apply(positive_field);
  EXPECT_EQ(positive_field.range_text(), "in (0, 5]");
}

}  // namespace
}  // namespace pellucid
