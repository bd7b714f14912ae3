"""Three made-up invoices of two months each, at real prices: what they bill, line by line, and the tariff they bill by.

Prices per kWh are the regulated ones of France (Tarif Bleu, homes): with tax 0.2016 and 0.1952 EUR (Base), 0.2146 and
0.1696, then 0.2081 and 0.1635 (HP, HC) from 1 February and 1 August 2025 (CRE deliberations 2025-25 of 16 January and
2025-155 of 19 June 2025, in the Journal officiel of 31 January and 29 July 2025); Tempo as published for 1 August 2025
and 1 February 2026. Without tax they are what value-added tax and excise leave of them: (price + excise) × 1.2, excise
33.70, from 1 August 2025 29.98, from 1 February 2026 30.85 EUR/MWh. Value-added tax on subscription and CTA is 5.5 %
until 31 July 2025 and 20 % since. How a subscription falls into its own part and CTA, and all readings, are made up.
"""
