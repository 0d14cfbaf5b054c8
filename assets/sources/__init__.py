from assets.sources import population_register
SOURCES = (population_register.SOURCE,)
